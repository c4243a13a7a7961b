"""One layer evolving, beside the same layer simulated: the self-simulation advantage, and the size where it begins.

    ratio = operations of one pass of the twin * energy of an operation / energy of one pass of the device

Below 1 the physics saves nothing. The twin's operations are the system's own law: 15 n log2 n of SHG (n the padded
transform), steps x couplings of oscillators, samples x modes of a plate, samples of a circuit. Only arithmetic is
counted on the digital side, the kindest reference that there is.
"""

from __future__ import annotations

from collections.abc import Callable

from joulescape.network.evolved import evolution
from joulescape.network.kinds import KINDS
from joulescape.network.request import Request
from joulescape.network.work import PhysicalWork
from joulescape.simulators.evolution.settings import EvolutionSettings

LARGEST = 2**40
"""No system is looked for beyond this size."""

Priced = Callable[[PhysicalWork], tuple[float, float]]
"""Time and energy of one more pass."""


def figures(settings: EvolutionSettings, priced: Priced) -> dict[str, float]:
    """`frame_rate_ghz, layer_latency_ns, layer_energy_pj`, `simulation_energy_pj, simulation_latency_ns`, their ratios
    to evolving, and `break_even_size`, left out where no size up to 2^40 breaks even.

    All are of one more pass: what is set once a batch is not in them. Powers stay as they are while the size grows, so
    a size beyond the entry's `controls` asks for instruments that it does not have."""
    work = sample_work(settings, int(settings.sample.sizes[settings.sample.grows]))
    time_ns, energy_pj = priced(work)
    digital_pj, digital_ns = work.twin_ops * settings.twin_op_pj.value, work.twin_ops * settings.twin_op_ns.value
    found = {
        "frame_rate_ghz": 1.0 / time_ns,
        "layer_latency_ns": time_ns,
        "layer_energy_pj": energy_pj,
        "simulation_energy_pj": digital_pj,
        "simulation_latency_ns": digital_ns,
        "self_simulation_energy_ratio": digital_pj / energy_pj,
        "self_simulation_time_ratio": digital_ns / time_ns,
    }
    size = break_even(settings, priced)
    return found if size is None else {**found, "break_even_size": float(size)}


def break_even(settings: EvolutionSettings, priced: Priced) -> int | None:
    """The smallest size at which simulating costs as much energy as evolving; None where there is none."""

    def pays(size: int) -> bool:
        try:
            work = sample_work(settings, size)
        except ValueError:  # too small to hold the sample's data
            return False
        return work.twin_ops * settings.twin_op_pj.value >= priced(work)[1]

    if not pays(LARGEST):
        return None
    low, high = 0, LARGEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high


def sample_work(settings: EvolutionSettings, size: int) -> PhysicalWork:
    """One pass of the entry's sample layer at a size; ValueError where it cannot be built."""
    sample = settings.sample
    sizes = {**sample.sizes, sample.grows: size}
    request = Request("sample", settings.system, ("input",), ((sample.inputs,),), sizes)
    return evolution(KINDS[settings.system].rule(request), 1)
