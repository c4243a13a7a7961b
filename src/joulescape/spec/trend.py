"""The shape of `hwlib/trends/*.yaml`: published points over the years, and the series that are drawn from them.

A point states its quantities once, each with its source; a series takes two of them. A group of a series holds what may
be fitted together: error variants, precisions and kinds of memory never mix, since each is a quantity or kind of its
own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape

Confidence = Literal["high", "medium", "low", "derived"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "derived", "high")
"""From the least on. High: the text was seen. Medium: recalled from the source that is named, and plausible beside what
was seen. Derived: computed from the source by the stated way. Low: doubtful; shown, never fitted."""

Law = Literal["exponential", "power"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
YEAR = "year"
"""The quantity that every point has."""
NODE = "node_nm"


class Quantity(Shape):
    """What a number of a point means: its label and unit; or the quotient of two others, worked out for every point."""

    label: str
    unit: str = ""
    about: str = ""
    quotient: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)] | None = None


class Figure(Shape):
    """One published number, above 0: all axes of a fit are logarithmic."""

    value: Annotated[float, Field(gt=0)]
    source: str
    where: str
    confidence: Confidence
    note: str = ""


class Point(Shape):
    """One network, chip or memory with what was published about it."""

    name: str
    kind: Name
    year: Annotated[int, Field(ge=1950, le=2100)]
    node_nm: Annotated[float, Field(gt=0)] | None = None
    note: str = ""
    values: Annotated[dict[str, Figure], Field(min_length=1)]


class Group(Shape):
    """Points of a series that are fitted together."""

    about: str
    y: str
    x: str | None = None
    """The quantity along the axis; the series' own when absent."""
    kinds: tuple[str, ...] = ()
    """Kinds of point; all when absent."""
    names: tuple[str, ...] = ()
    """Only the points with these names; all when absent."""
    node_nm: Annotated[float, Field(gt=0)] | None = None
    """Only points of this node; of any when absent."""
    fit: Literal["all", "lowest", "highest"] = "all"
    """`lowest` and `highest`: only points that beat every earlier one are fitted, and held against a fit later."""
    records_of: Name | None = None
    """The quantity whose records are fitted, as `fit` has it, and alone are the group's points. When absent, y's
    records are fitted, and the others are shown as well."""
    at_most: dict[Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Only points of which these quantities are known and no greater."""
    one_a_year: bool = False
    """Fits the geometric mean of each year: points of one year that share what it stands for, a standard say, do not
    tell the trend twice."""


class SeriesSpec(Shape):
    """One figure: what is drawn over what, by which law, in which groups."""

    about: str
    x: str
    law: Law
    groups: Annotated[dict[Name, Group], Field(min_length=1)]

    @model_validator(mode="after")
    def _records_are_fitted(self) -> Self:
        for name, group in self.groups.items():
            if group.records_of is not None and group.fit == "all":
                raise ValueError(f"{name}: records_of needs fit: lowest or highest")
        return self

    @model_validator(mode="after")
    def _law_has_its_axis(self) -> Self:
        if (self.law == "exponential") != (self.x == YEAR):
            raise ValueError("an exponential law runs over years, a power law over any other quantity")
        return self


class TrendSpec(Shape):
    """One file of published points."""

    about: str
    quantities: Annotated[dict[Name, Quantity], Field(min_length=1)]
    series: Annotated[dict[Name, SeriesSpec], Field(min_length=1)]
    points: Annotated[tuple[Point, ...], Field(min_length=1)]

    def known(self) -> tuple[str, ...]:
        """Names that an axis may have."""
        return (*self.quantities, YEAR, NODE)

    def misnamed(self) -> list[tuple[tuple[str | int, ...], str, tuple[str, ...]]]:
        """Every (place, name, names that would do) of a quantity or kind that the file does not define."""
        named: list[tuple[tuple[str | int, ...], Any, tuple[str, ...]]] = []
        stated = tuple(name for name, one in self.quantities.items() if one.quotient is None)
        kinds, names = tuple(sorted({point.kind for point in self.points})), tuple(point.name for point in self.points)
        for name, quantity in self.quantities.items():
            terms = enumerate(quantity.quotient or ())
            named += [(("quantities", name, "quotient", index), term, stated) for index, term in terms]
        for name, series in self.series.items():
            named.append((("series", name, "x"), series.x, self.known()))
            for label, group in series.groups.items():
                place = ("series", name, "groups", label)
                named += [((*place, "y"), group.y, self.known()), ((*place, "x"), group.x or series.x, self.known())]
                named += [((*place, "at_most", key), key, stated) for key in group.at_most]
                named += [((*place, "records_of"), key, stated) for key in (group.records_of,) if key is not None]
                named += [((*place, "kinds", index), kind, kinds) for index, kind in enumerate(group.kinds)]
                named += [((*place, "names", index), one, names) for index, one in enumerate(group.names)]
        for index, point in enumerate(self.points):
            named += [(("points", index, "values", key), key, stated) for key in point.values]
        return [(place, name, known) for place, name, known in named if name not in known]
