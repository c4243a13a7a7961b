"""The grid of a pair: every candidate once switched on, none twice, nothing outside the domains."""

from __future__ import annotations

from itertools import islice, product

from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.resolve.candidate import Parameter
from joulescape.search.grid import grid
from joulescape.search.sampler import active
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain

domains = st.one_of(
    st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True).map(
        lambda options: ChoiceDomain(kind="choice", options=tuple(options))
    ),
    st.tuples(st.integers(-3, 3), st.integers(1, 4), st.integers(1, 2)).map(
        lambda t: IntDomain(kind="int", low=t[0], high=t[0] + t[1], step=t[2])
    ),
)


@st.composite
def spaces(draw):
    """Up to four parameters; each may hang on an option of an earlier one."""
    found: list[Parameter] = []
    for index, domain in enumerate(draw(st.lists(domains, min_size=1, max_size=4))):
        parent = draw(st.sampled_from([None, *found]))
        option = None if parent is None else str(draw(st.sampled_from(parent.domain.values())))
        found.append(Parameter(f"p{index}", domain, parent and parent.name, option))
    return tuple(found)


def frozen(genes, parameters):
    return frozenset(active(genes, parameters).items())


@given(spaces())
@settings(deadline=None, max_examples=60)
def test_the_grid_holds_every_candidate_exactly_once(parameters):
    names = [p.name for p in parameters]
    every = product(*(p.domain.values() for p in parameters))
    expected = {frozen(dict(zip(names, values, strict=True)), parameters) for values in every}
    found = [frozen(genes, parameters) for genes in grid(parameters)]
    assert set(found) == expected
    assert len(found) == len(expected)


@given(spaces())
@settings(deadline=None, max_examples=30)
def test_every_gene_of_the_pair_stands_there_so_that_children_can_be_bred(parameters):
    assert all(set(genes) == {p.name for p in parameters} for genes in grid(parameters))


def test_branches_with_a_real_number_are_left_to_chance_and_the_pair_is_no_gene():
    parameters = (
        Parameter("pair", ChoiceDomain(kind="choice", options=("a@b", "c@d"))),
        Parameter("how", ChoiceDomain(kind="choice", options=("none", "prune"))),
        Parameter("density", FloatDomain(kind="float", low=0.1, high=1.0), parent="how", option="prune"),
        Parameter("bits", IntDomain(kind="int", low=2, high=3)),
    )
    assert list(grid(parameters)) == [
        {"how": "none", "density": 0.1, "bits": 2},
        {"how": "none", "density": 0.1, "bits": 3},
    ]


def test_a_grid_too_long_to_list_is_gone_through_lazily():
    many = tuple(Parameter(f"p{i}", IntDomain(kind="int", low=0, high=10**6)) for i in range(30))
    first, second = islice(grid(many), 2)
    assert first != second
