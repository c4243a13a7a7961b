"""What machines say of their own settings before any work: what can run nothing, what is out of a model's range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from joulescape.resolve.hardware import HardwarePlan
from joulescape.spec.domain import Scalar


def machine_cautions(plans: Mapping[str, HardwarePlan]) -> Iterator[str]:
    """A note for each caution at the fixed settings, and for each further one that an end of one domain brings."""
    for name, plan in plans.items():
        said = set(_cautions(plan, {}))
        yield from (f"{name}: {caution}" for caution in sorted(said))
        for field in plan.fields:
            for value in field.domain.ends() if field.domain is not None else ():
                found = [caution for caution in _cautions(plan, {field.path: value}) if caution not in said]
                yield from (f"{name} at {field.path} {value}: {caution}" for caution in found)


def _cautions(plan: HardwarePlan, values: Mapping[str, Scalar]) -> Iterator[str]:
    settings = plan.settings({**plan.fixed, **values}, ({},), "typical")
    for station in plan.back_end.stations:
        yield from station.simulator.cautions(settings[station.name])
