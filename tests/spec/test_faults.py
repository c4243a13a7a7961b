"""Faults in plain words: unions, nested keys, nearest names, places."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.document import Document
from joulescape.spec.faults import checked, checked_domain, known_keys, nearest_key, one_of


class Inner(Shape):
    """Inside."""

    energy_pj: float = 1.0
    mode: Literal["slow", "fast"] = "slow"


class Outer(Shape):
    """Outside."""

    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = Field(default_factory=dict)
    size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    is_on: bool = False


def said(content: dict[str, object]) -> list[str]:
    faults = []
    assert (checked(Outer, Document("f.yaml", content), faults) is None) == bool(faults)
    return [str(fault).removeprefix("f.yaml: ") for fault in faults]


def test_what_fits_has_no_fault():
    assert said({"inner": {"energy_pj": 2}, "size": 4, "several": [{}]}) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"size": "big"}, "at 'size' found 'big', expected a whole number or 'auto'"),
        ({"size": 0}, "at 'size' found 0, expected a value >= 1 or 'auto'"),
        ({"is_on": "off"}, "at 'is_on' found 'off', expected true or false; did you mean 'false'?"),
        ({"is_on": 1}, "at 'is_on' found 1, expected true or false"),
        ({"several": [{}, {"mode": "fsat"}]},
         "at 'several.1.mode' found 'fsat', expected 'slow' or 'fast'; did you mean 'fast'?"),
        ({"by_name": {"a": {"energy_uj": 1}}},
         "at 'by_name.a.energy_uj' found unknown key 'energy_uj', expected one of energy_pj, mode;"
         " did you mean 'energy_pj'?"),
        ({"inner": {"energy_pj": "1e-3 pJ"}}, "at 'inner.energy_pj' found '1e-3 pJ', expected a number"),
        ({"inner": [1]}, "at 'inner' found a list, expected a mapping"),
        ({"several": {}}, "at 'several' found {}, expected a list"),
    ],
)  # fmt: skip
def test_one_fault_in_plain_words(content, expected):
    assert said(content) == [expected]


def test_all_faults_come_together():
    assert len(said({"size": 0, "is_on": "no", "inner": {"mode": 3}, "x": 1})) == 4


def test_known_keys_follow_lists_mappings_and_unions():
    assert known_keys(Outer, ()) == ("inner", "several", "by_name", "size", "is_on")
    for keys in (("inner",), ("several", 0), ("by_name", "a")):
        assert known_keys(Outer, keys) == ("energy_pj", "mode")
    assert known_keys(Outer, ("size",)) == ()


def test_nearest_key_prefers_house_units():
    assert nearest_key("energy_nj", ("energy_pj", "energy_mj_count")) == "energy_pj"
    assert nearest_key("latency_us", ("latency_ns",)) == "latency_ns"
    assert nearest_key("enrgy_pj", ("energy_pj",)) == "energy_pj"
    assert nearest_key("zzz", ("energy_pj",)) is None


def test_long_lists_are_cut_and_empty_ones_said():
    assert one_of(str(i) for i in range(30)).endswith("22, 23 ... (30 in all)")
    assert one_of(()) == "no key here"


def test_a_domain_is_checked_where_it_stands():
    faults = []
    document = Document("f.yaml", {"a": {"kind": "int", "low": 3}}, {("a",): 7})
    assert checked_domain(document, ("a",), faults) is None
    assert [str(fault) for fault in faults] == ["f.yaml:7: at 'a.high' found nothing, expected this required key"]
