"""`joulescape check`: is the question well posed, and what will be looked at?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joulescape.pricing.first_look import Barred
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.resolve.study import Study


def check_command(
    files: Annotated[list[Path], typer.Argument(help="Questions or studies, e.g. spaces/which_machine.yaml.")],
) -> None:
    """List every fault of a question, its networks and its back ends at once; or say what the question spans."""
    from joulescape.errors import Fault, SpecError

    faults: dict[Fault, None] = {}
    for file in files:
        try:
            lines = _checked(file)
        except SpecError as error:
            faults.update(dict.fromkeys(error.faults))
            continue
        typer.echo("\n".join(lines))
    if faults:
        raise SpecError(tuple(faults))


def _checked(file: Path) -> list[str]:
    """What the file asks; SpecError with its faults. A file that cannot be read is a question that cannot."""
    from joulescape.resolve.design_space import load_space
    from joulescape.resolve.shelves import read_or_fault
    from joulescape.spec.study import is_study

    document = read_or_fault(file, [])
    if document is None or not is_study(document):
        return list(_lines(file, load_space(file)))
    from joulescape.resolve.study import load_study

    return list(_study_lines(file, load_study(file)))


def _study_lines(file: Path, study: Study) -> Iterator[str]:
    spec = study.spec
    yield f"{file}: {spec.question}"
    for role, space in study.spaces.items():
        pairs = _count(len(space.pairs), "pair")
        yield f"  {role}: {space.name}, {pairs} of network and back end, counted from {study.baseline(role)}"
    for name, trend in study.trends.items():
        yield f"  {name}: {_count(len(trend.spec.points), 'point')} in {', '.join(trend.spec.series)}"
    yield f"  metrics {', '.join(spec.metrics)}; first span until {spec.shores.first_span_until}"
    yield f"  {_count(len(spec.overtake.machines), 'machine')} that may overtake; splits " + ", ".join(
        f"{split:g}" for split in spec.lifecycle.splits
    )
    yield "  a study: no fault"


def _lines(file: Path, space: DesignSpace) -> Iterator[str]:
    from joulescape.pricing.first_look import barred
    from joulescape.pricing.limit_look import out_of_reach, spared

    yield f"{file}: {space.spec.question}"
    yield f"  task {space.spec.task}, boundary {space.spec.boundary}, batch {space.spec.batch}, phases " + ", ".join(
        space.spec.phases
    )
    yield f"  {_count(len(space.pairs), 'pair')} of network and back end:"
    for pair in space.pairs:
        drawn = len(space.parameters(pair))
        variants = space.hardware[pair.back_end].variant_count
        yield f"    {pair.name}: {_count(drawn, 'drawn parameter')}, {_count(variants, 'variant')} swept"
    if space.refused:
        yield f"  {_count(len(space.refused), 'pair')} that cannot meet:"
    yield from (f"    {refused.pair.name}: {refused.reason}" for refused in space.refused)
    out = tuple(barred(space))
    dear = tuple(out_of_reach(space, [one.pair for one in out]))
    out += dear
    yield from (f"  note: {one.pair}: {one.reason}" for one in out)
    if dear and (how := spared(space)) is not None:
        yield f"  note: {how}"
    yield from (f"  note: {note}" for note in _notes(space))
    _refuse_all_out(file, space, out)
    budget = space.spec.budget
    yield f"  {_count(budget.trials, 'trial')} by {budget.sampler}, seed {budget.seed}: no fault"


def _notes(space: DesignSpace) -> tuple[str, ...]:
    from joulescape.pricing.idle_look import idle_machines
    from joulescape.resolve.samplers import sampler_notes

    return (*space.notes, *idle_machines(space), *sampler_notes(space))


def _refuse_all_out(file: Path, space: DesignSpace, out: Sequence[Barred]) -> None:
    """A question none of whose pairs can have a valid design has no answer: SpecError with every reason."""
    from joulescape.errors import Fault, SpecError
    from joulescape.spec.document import display

    proven = {one.reason: one.pair for one in out if one.is_proven}
    if sum(one.is_proven for one in out) < len(space.pairs):
        return
    path, expected = "constraints" if space.spec.constraints else "back_ends", "one pair with a design that keeps them"
    raise SpecError(
        [Fault(display(file), None, path, f"{pair}: {reason}", expected) for reason, pair in proven.items()]
    )


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
