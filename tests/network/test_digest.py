"""The same content has the same digest; other content another."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.network.digest import canonical, digest
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Loops

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), PLAIN))
def test_order_of_keys_does_not_matter(content: dict[str, object]) -> None:
    assert digest(content) == digest(dict(reversed(content.items())))


@given(PLAIN, PLAIN)
def test_other_content_has_another_digest(first: object, second: object) -> None:
    assert (digest(first) == digest(second)) == (repr(canonical(first)) == repr(canonical(second))) or first == second


def test_dataclasses_are_their_fields() -> None:
    assert digest(Loops(K=2)) != digest(Loops(K=3))
    assert canonical(Loops(K=2))["K"] == 2


def test_an_error_spec_survives_pickling_with_its_key() -> None:
    spec = ErrorSpec("crossbar", "fc1", "forward", {"bits": 8.0, "adc": 6.0})
    again = pickle.loads(pickle.dumps(spec))
    assert again.as_key() == spec.as_key()
    assert list(again.numbers) == ["adc", "bits"]
    assert digest(again) == digest(spec)


@given(st.dictionaries(st.text(), PLAIN), st.lists(st.integers()), st.sets(st.text()))
def test_a_digest_is_that_of_the_canonical_json(content: dict[str, object], whole: list[int], names: set[str]) -> None:
    """Opened level by level by the encoder, or as a whole: the text is the same."""
    values = (content, tuple(whole), names, Loops(K=3), ErrorSpec("crossbar", "fc1", "forward", {"bits": 8.0}))
    text = json.dumps(canonical(values), sort_keys=True, separators=(",", ":"), allow_nan=False)
    assert digest(*values) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_keys_that_json_does_not_know_are_spelt_out() -> None:
    by_pair = {("fc1", "forward"): 1.0, ("fc1", "update"): 2.0}
    assert digest(by_pair) == digest({str(key): value for key, value in by_pair.items()})
    assert digest(by_pair) != digest({("fc1", "forward"): 1.0, ("fc2", "update"): 2.0})


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), {"a": [object()]}])
def test_what_has_no_spelling_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(value)
