"""The same content has the same digest; other content another."""

from __future__ import annotations

import pickle

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
