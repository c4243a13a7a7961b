"""`joulescape cost`: one design, one price list."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from joulescape.pricing import CostReport


PIPED_COLUMNS = 160
"""Width of tables that no terminal shows: nothing is cut off."""


class Form(StrEnum):
    """How the price list is printed."""

    table = "table"
    json = "json"
    csv = "csv"


class PhaseChoice(StrEnum):
    """What is costed."""

    inference = "inference"
    training = "training"


class BoundaryChoice(StrEnum):
    """What is inside the bill."""

    core = "core"
    chip = "chip"
    system = "system"


class CornerChoice(StrEnum):
    """Which end of every sourced number is taken."""

    optimistic = "optimistic"
    typical = "typical"
    pessimistic = "pessimistic"


def cost_command(
    network: Annotated[str, typer.Argument(help="A network of models/, e.g. digits_lenet.")],
    back_end: Annotated[str, typer.Argument(help="A back end of hwlib/, e.g. memristive/isaac.")],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a value: hardware.array.rows=64, compression.quantize.weight_bits=4, batch=3."
        ),
    ] = None,
    phase: Annotated[PhaseChoice, typer.Option(help="What to cost.")] = PhaseChoice.inference,
    boundary: Annotated[BoundaryChoice, typer.Option(help="What is inside the bill.")] = BoundaryChoice.system,
    corner: Annotated[CornerChoice, typer.Option(help="Which end of each constant.")] = CornerChoice.typical,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how every layer is mapped and computed: its mapping, its errors.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.table,
    root: Annotated[Path, typer.Option(help="Project root: the folder that holds hwlib/ and models/.")] = Path(),
) -> None:
    """Cost one design at nominal statistics: no data is read, no network trained."""
    from joulescape.pricing import cost

    report = cost(
        network,
        back_end,
        _pairs(sets or []),
        phases=(phase.value,),
        boundary=boundary.value,
        corner=corner.value,
        root=root,
        explains=explain,
    )
    {Form.table: _print_table, Form.json: _print_json, Form.csv: _print_csv}[form](report)


def _pairs(sets: list[str]) -> dict[str, str]:
    from joulescape.errors import Fault, SpecError

    bad = [item for item in sets if "=" not in item]
    if bad:
        raise SpecError([Fault("command line", None, "--set", f"'{item}'", "NAME=VALUE") for item in bad])
    return dict(item.split("=", 1) for item in sets)


def _print_json(report: CostReport) -> None:
    import json

    typer.echo(json.dumps(report.as_dict(), indent=2))


def _print_csv(report: CostReport) -> None:
    import csv
    import io

    text = io.StringIO()
    gaps = {_of_layer(row): row["mapping_gap_fraction"] for row in report.layers}
    rows = [{**row, "mapping_gap_fraction": gaps[_of_layer(row)]} for row in report.energy]
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    typer.echo(text.getvalue(), nl=False)


def _of_layer(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["phase"], row["layer"], row["role"]


def _print_table(report: CostReport) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, PIPED_COLUMNS)
    design = report.design
    console.print(
        f"{design['network']} on {design['back_end']} · boundary {design['boundary']} · batch {report.batch} · "
        f"{_node_words(design)} · statistics: {report.statistics}"
    )
    totals = Table("metric", "value")
    for name, value in report.totals.items():
        if value is not None:
            totals.add_row(name, f"{value:.6g}")
    if report.energy_by_rule:
        rules = ", ".join(f"{value:.4g} pJ by {rule}" for rule, value in report.energy_by_rule.items())
        console.print(f"published rules of scaling to {design['node']} nm disagree: {rules}")
    console.print(totals, _energy_table(report), _layer_table(report))
    for note in (*(f"note: {said}" for said in report.notes), *report.mapping_notes):
        console.print(note, markup=False, highlight=False)
    if report.errors:
        console.print(_error_table(report))
    for one in report.explanations:
        console.rule(f"{one['layer']} · {one['role']}", align="left")
        console.print(one["text"], markup=False, highlight=False, soft_wrap=True)


def _node_words(design: Mapping[str, Any]) -> str:
    """`node 32 nm`; where another is asked for, both."""
    own, asked = design["node_nm"], design["node"]
    if not isinstance(asked, int) or asked == own:
        return f"node {own} nm"
    return f"node {own} nm, CMOS parts scaled to {asked} nm"


def _energy_table(report: CostReport) -> object:
    from rich.table import Table

    table = Table("component", "energy_pj", "share", "basis", title="Energy by component")
    energy: dict[tuple[str, str], float] = {}
    for row in report.energy:
        energy[row["component"], row["basis"]] = energy.get((row["component"], row["basis"]), 0.0) + row["energy_pj"]
    total = sum(energy.values()) or 1.0
    for (component, basis), value in sorted(energy.items(), key=lambda item: -item[1]):
        table.add_row(component, f"{value:.5g}", f"{100 * value / total:.1f} %", basis)
    return table


def _error_table(report: CostReport) -> object:
    from rich.table import Table

    table = Table("layer", "role", "kind", "numbers", title="How each layer is computed")
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in report.errors:
        numbers = found.setdefault((row["layer"], row["role"], row["kind"]), [])
        numbers.append(f"{row['number']} {row['value']:.4g}")
    for where, numbers in found.items():
        table.add_row(*where, ", ".join(numbers))
    return table


def _layer_table(report: CostReport) -> object:
    from rich.table import Table

    table = Table("layer", "role", "station", "macs", "batch_latency_ns", "utilisation", "bound_by", title="Schedule")
    for row in report.layers:
        timing = (f"{row['batch_latency_ns']:.5g}", f"{row['utilisation_fraction']:.3f}", row["bound_by"])
        table.add_row(row["layer"], row["role"], row["station"], str(row["macs"]), *timing)
    return table
