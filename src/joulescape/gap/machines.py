"""What stands behind each machine of a study's questions: how it computes, what was predicted of it, its ranges.

Known without pricing anything: it is read from the machine's own file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from joulescape.resolve.back_end import BackEnd
from joulescape.resolve.study import Study
from joulescape.spec.sourced import Sourced, sourced_values

ENDURANCE = "endurance_writes"
"""How a constant is called that says how many writes a cell bears, wherever it stands."""


def machine_rows(study: Study) -> Iterator[Mapping[str, Any]]:
    """Rows of gap_tables.MACHINES: every machine of the study's questions once, in their order."""
    known = {name: one for space in study.spaces.values() for name, one in space.back_ends.items()}
    for name, one in known.items():
        constants = _constants(one)
        yield {
            "back_end": name,
            "family": one.family,
            "equivalence": one.spec.equivalence,
            "published_predictions_count": sum(row.role == "prediction" for row in one.spec.published),
            "constants_count": len(constants),
            "fixed_constants_count": sum(value.low is None and value.high is None for value in constants.values()),
            **_endurance(constants),
        }


def _constants(one: BackEnd) -> dict[str, Sourced]:
    """Sourced values of the machine, its host and its memory beside it, by path."""
    host = {} if one.host is None else sourced_values(one.host.settings, "host.")
    return {**sourced_values(one.settings), **host, **sourced_values(one.off_chip.spec, "off_chip.")}


def _endurance(constants: Mapping[str, Sourced]) -> dict[str, Any]:
    """The writes that a cell bears; nothing where the machine writes none."""
    found = next((value for path, value in constants.items() if path.endswith(ENDURANCE)), None)
    if found is None:
        return {}
    return {
        "endurance_writes": found.value,
        "endurance_low": found.low,
        "endurance_high": found.high,
        "endurance_basis": found.basis,
        "endurance_source": f"{found.source}: {found.where}" if found.where else found.source,
    }
