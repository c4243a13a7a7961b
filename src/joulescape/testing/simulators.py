"""Laws of cost and errors: what every simulator obeys, whatever its physics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np
from pydantic import ValidationError

from joulescape.network.operators import ROLES, Graph, Phase
from joulescape.network.work import Work
from joulescape.simulators.base import LayerCost, Simulator
from joulescape.spec.base import Shape
from joulescape.spec.domain import Scalar
from joulescape.spec.sourced import CORNERS, Sourced, at_corner
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.units import OPS_PER_MAC

MakeWorks = Callable[[int, float], Sequence[Work]]
"""Works of one phase for (batch, bits per operand)."""

BATCHES = (1, 2, 3, 8)
BITS = (2.0, 4.0, 5.0, 8.0)
CLOSE = 1e-9


def works_of(simulator: Simulator[Any], settings: Shape, graph: Graph, phase: Phase = "inference") -> MakeWorks:
    """Lowers `graph` and keeps the works that the simulator takes."""
    from joulescape.network.lower import lower

    def make(batch: int, bits: float) -> Sequence[Work]:
        works = lower(graph, example_formats(graph, bits), phase, batch, {}).works
        return [work for work in works if simulator.takes(graph.operator(work.layer), work.role, settings)]

    return make


def check_simulator(
    simulator: Simulator[Any],
    settings: Shape,
    graph: Graph | None = None,
    *,
    works: MakeWorks | None = None,
    sweep: Mapping[str, Sequence[Scalar]] | None = None,
    bits: Sequence[float] = BITS,
) -> None:
    """Hold one simulator against every law of cost and errors.

    `graph` defaults to `example_graph()`; `works(batch, bits)` to its lowering in both phases, as far as the simulator
    takes them. `sweep` gives valid values by dotted path: one column a path, all of one length, costed as variants and
    used to perturb the settings; paths that are not in it are perturbed by guessing a valid neighbour.
    """
    graph = graph or example_graph()
    assert any(simulator.takes(o, role, settings) for o in graph.operators for role in ROLES), (
        "it takes nothing of the graph"
    )
    makers = [works] if works else [works_of(simulator, settings, graph, phase) for phase in ("inference", "training")]
    check_paths(simulator, settings)
    check_errors(simulator, settings, graph, sweep or {})
    for make in makers:
        check_costs(simulator, settings, make(1, bits[-1]))
        check_more_batch(simulator, settings, make, bits[-1])
        check_more_bits(simulator, settings, make, bits)
        check_corners(simulator, settings, make(1, bits[-1]))
        if sweep:
            check_variants(simulator, settings, make(2, bits[-1]), sweep)


def check_paths(simulator: Simulator[Any], settings: Shape) -> None:
    """Every searchable path and every path that changes numbers exists; no sourced value is searchable."""
    for path in simulator.searchable | simulator.changes_numbers:
        value = _value(settings, path)
        searched = path in simulator.searchable
        assert not (searched and isinstance(value, (Sourced, Shape))), f"{path} is searchable but not a plain value"


def check_costs(simulator: Simulator[Any], settings: Shape, works: Sequence[Work]) -> None:
    """One cost a work in order; every part finite and >= 0; utilisation in (0, 1]; latency above the roofline; what a
    mapping could still lose in [0, 1]."""
    costs = _costs(simulator, settings, works)
    peak_tops = simulator.published(settings).get("peak_tops")
    for work, cost in zip(works, costs, strict=True):
        where = f"{simulator.name}: {work.layer}, {work.role}"
        for name, quantity in _quantities(cost):
            array = np.asarray(quantity, dtype=float)
            assert np.all(np.isfinite(array)) and np.all(array >= 0), f"{where}: {name} is {quantity}"
        used = np.asarray(cost.utilisation_fraction)
        assert cost.macs == work.macs, f"{where}: {cost.macs} macs, the work has {work.macs}"
        assert np.all(used <= 1 + CLOSE) and (not work.macs or np.all(used > 0)), (
            f"{where}: utilisation {used} outside (0, 1]"
        )
        if cost.mapping_gap is not None:
            assert np.all(np.asarray(cost.mapping_gap.fraction) <= 1), f"{where}: more than all could still be saved"
        if peak_tops:
            roofline_ns = OPS_PER_MAC * work.macs / (1e3 * peak_tops)
            assert np.all(np.asarray(cost.latency_ns) >= roofline_ns * (1 - CLOSE)), (
                f"{where}: faster than the peak rate"
            )
    parts = [(a.component.name, a.area_mm2) for a in simulator.area(settings)]
    parts += [(p.component.name, p.power_mw) for p in simulator.static_power(settings)]
    for name, quantity in parts:
        array = np.asarray(quantity, dtype=float)
        assert np.all(np.isfinite(array)) and np.all(array >= 0), (
            f"{simulator.name}: area or power of {name} is {quantity}"
        )


def check_more_batch(simulator: Simulator[Any], settings: Shape, make: MakeWorks, bits: float) -> None:
    """A bigger batch never costs less energy or time, in any work."""
    for less, more in pairwise(BATCHES):
        _never_less(simulator, settings, (less, make(less, bits)), (more, make(more, bits)), f"batch {less} to {more}")


def check_more_bits(simulator: Simulator[Any], settings: Shape, make: MakeWorks, bits: Sequence[float]) -> None:
    """More bits never cost less energy or time, in any work."""
    for less, more in pairwise(bits):
        _never_less(simulator, settings, (2, make(2, less)), (2, make(2, more)), f"{less} to {more} bits")


def check_corners(simulator: Simulator[Any], settings: Shape, works: Sequence[Work]) -> None:
    """Energy, area and static power: optimistic <= typical <= pessimistic."""
    ladder = []
    for corner in CORNERS:
        at = at_corner(settings, corner)
        energy = sum(np.sum(_energy(cost)) for cost in _costs(simulator, at, works))
        area = sum(np.sum(a.area_mm2) for a in simulator.area(at))
        power = sum(np.sum(p.power_mw) for p in simulator.static_power(at))
        ladder.append((energy, area, power))
    for name, column in zip(("energy", "area", "static power"), zip(*ladder, strict=True), strict=True):
        assert column[0] <= column[1] * (1 + CLOSE) and column[1] <= column[2] * (1 + CLOSE), (
            f"{simulator.name}: {name} at the corners is {column}"
        )


def check_variants(
    simulator: Simulator[Any], settings: Shape, works: Sequence[Work], sweep: Mapping[str, Sequence[Scalar]]
) -> None:
    """A sweep costed at once equals every variant costed alone, in every part."""
    swept = {path: values for path, values in sweep.items() if path in simulator.searchable - simulator.changes_numbers}
    if not swept:
        return
    together = at_paths(settings, {path: np.asarray(values) for path, values in swept.items()})
    count = len(next(iter(swept.values())))
    at_once = _everything(simulator, together, works)
    for index in range(count):
        alone = _everything(
            simulator, at_paths(settings, {path: values[index] for path, values in swept.items()}), works
        )
        assert at_once.keys() == alone.keys(), f"{simulator.name}: variants have other parts than one alone"
        for name, quantity in alone.items():
            found = np.broadcast_to(np.asarray(at_once[name]), (count,))[index]
            same = (
                found == quantity if np.asarray(quantity).dtype.kind == "U" else np.isclose(found, quantity, rtol=CLOSE)
            )
            assert np.all(same), f"{simulator.name}: {name} of variant {index} is {found} in a sweep, {quantity} alone"


def check_errors(
    simulator: Simulator[Any], settings: Shape, graph: Graph, sweep: Mapping[str, Sequence[Scalar]]
) -> None:
    """Errors name only what is taken, are finite, and depend on `changes_numbers` alone."""
    formats = example_formats(graph, 8.0)
    errors = dict(simulator.errors(graph, formats, settings))
    for (operator, role), spec in errors.items():
        assert (spec.operator, spec.role) == (operator, role), (
            f"{simulator.name}: error of {operator} is filed elsewhere"
        )
        assert simulator.takes(graph.operator(operator), role, settings), (
            f"{simulator.name}: error of {operator}, not taken"
        )
        assert all(np.isfinite(value) for value in spec.numbers.values()), f"{simulator.name}: {spec} is not finite"
    for path in sorted(simulator.searchable - simulator.changes_numbers):
        for value in sweep.get(path, ()) or _neighbours(simulator, settings, path):
            moved = dict(simulator.errors(graph, formats, at_paths(settings, {path: value})))
            assert moved == errors, f"{simulator.name}: errors depend on {path}, which changes_numbers does not name"


def _costs(simulator: Simulator[Any], settings: Shape, works: Sequence[Work], batch: int = 1) -> Sequence[LayerCost]:
    costs = simulator.cost(works, settings, example_context(batch))
    found, asked = [(c.layer, c.role) for c in costs], [(w.layer, w.role) for w in works]
    assert found == asked, f"{simulator.name}: answered {found} to {asked}: not one cost a work, in order"
    return costs


def _energy(cost: LayerCost) -> Any:
    return sum((np.asarray(part.energy_pj) for part in cost.energies), start=np.float64(0.0))


def _never_less(
    simulator: Simulator[Any],
    settings: Shape,
    less: tuple[int, Sequence[Work]],
    more: tuple[int, Sequence[Work]],
    what: str,
) -> None:
    pairs = zip(*(_costs(simulator, settings, works, batch) for batch, works in (less, more)), strict=True)
    for small, big in pairs:
        where = f"{simulator.name}: {small.layer}, {small.role}, {what}"
        assert np.all(_energy(big) >= _energy(small) * (1 - CLOSE)), f"{where}: energy fell"
        assert np.all(np.asarray(big.latency_ns) >= np.asarray(small.latency_ns) * (1 - CLOSE)), (
            f"{where}: latency fell"
        )


def _quantities(cost: LayerCost) -> Iterator[tuple[str, Any]]:
    yield from (
        ("latency_ns", cost.latency_ns),
        ("active_units", cost.active_units),
        ("utilisation", cost.utilisation_fraction),
    )
    if cost.occupancy_ns is not None:
        yield "occupancy_ns", cost.occupancy_ns
    if cost.mapping_gap is not None:
        yield "mapping_gap", cost.mapping_gap.fraction
    yield from ((f"energy of {part.component.name}", part.energy_pj) for part in cost.energies)
    for move in cost.traffic:
        yield f"{move.memory} {move.operand} read", move.read_bytes
        yield f"{move.memory} {move.operand} write", move.write_bytes


def _everything(simulator: Simulator[Any], settings: Shape, works: Sequence[Work]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cost in _costs(simulator, settings, works, 2):
        where = f"{cost.layer}, {cost.role}"
        found.update({f"{where}: {name}": quantity for name, quantity in _quantities(cost)})
        found[f"{where}: bound_by"] = np.asarray(cost.bound_by)
    found.update({f"area of {part.component.name}": part.area_mm2 for part in simulator.area(settings)})
    found.update({f"power of {part.component.name}": part.power_mw for part in simulator.static_power(settings)})
    return found


def _value(settings: Any, path: str) -> Any:
    """What stands at a dotted path; None below an optional part that is absent."""
    for name in path.split("."):
        if settings is None:
            return None
        settings = settings[name] if isinstance(settings, Mapping) else getattr(settings, name)
    return settings


def at_paths(settings: Any, values: Mapping[str, Any]) -> Any:
    """`settings` with other values by dotted path, not validated: a value may be an array of variants."""
    for path, value in values.items():
        head, _, rest = path.partition(".")
        inner = at_paths(_value(settings, head), {rest: value}) if rest else value
        settings = (
            {**settings, head: inner} if isinstance(settings, dict) else settings.model_copy(update={head: inner})
        )
    return settings


def _neighbours(simulator: Simulator[Any], settings: Shape, path: str) -> list[Any]:
    """Values near the present one, and the options of a Literal, that the plug-in's own settings accept."""
    parent, _, leaf = path.rpartition(".")
    holder, value = (_value(settings, parent) if parent else settings), _value(settings, path)
    options: list[Any] = []
    if isinstance(value, str) and isinstance(holder, Shape):
        options = list(get_args(type(holder).model_fields[leaf].annotation))
    elif isinstance(value, bool):
        options = [not value]
    elif isinstance(value, int):
        options = [value + 1, value - 1, value * 2, value // 2]
    elif isinstance(value, float):
        options = [value * 1.5, value * 0.5]
    return [
        option for option in options if option != value and _is_valid(simulator, at_paths(settings, {path: option}))
    ]


def _is_valid(simulator: Simulator[Any], settings: Shape) -> bool:
    try:
        simulator.Settings.model_validate(settings.model_dump())
    except ValidationError:
        return False
    return True
