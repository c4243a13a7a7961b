"""`joulescape new`: a commented question to start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

TEMPLATE = """\
# yaml-language-server: $schema={schema}
# One question. `joulescape check {shown}` lists every fault; `joulescape list` shows the names you may use.
question: Which machine does it best?   # the report's headline
task: {task}
networks: [{network}]   # models/*.yaml of this task
back_ends: [{back_ends}]   # hwlib/<family>/*.yaml
boundary: system   # core | chip | system: what is inside the bill
batch: 1           # samples at once; inference metrics are per inference
phases: [inference]   # add training to cost training too

# Ordered steps. Wherever a value may stand, a domain may: {{kind: int, low: 2, high: 8}},
# {{kind: float, low: 0.3, high: 1.0, log: true}}, {{kind: choice, options: [8, 16]}}; per: layer draws one a layer.
compression:
  - choice:   # `none` is the empty option
      none: {{}}
      prune: {{granularity: channel, density: {{kind: float, low: 0.3, high: 1.0}}}}
  - quantize: {{weight_bits: {{kind: int, low: 4, high: 8}}, activation_bits: 8}}
fine_tune: {{epochs: 1}}

# Hardware values by back end, as dotted paths. What can change accuracy is drawn, the rest is swept.
hardware: {{}}
#  electronic/systolic_int8:
#    array.rows: {{kind: choice, options: [16, 32]}}

objectives:
  accuracy_fraction: maximize
  inference_energy_pj: minimize
# constraints:
#   area_mm2: {{at_most: 100}}
budget: {{trials: 48, seed: 0}}
"""


def new_command(
    name: Annotated[str, typer.Argument(help="Name of the question: spaces/NAME.yaml is written.")],
    root: Annotated[Path, typer.Option(help="The project, or a folder inside it.")] = Path(),
) -> None:
    """Write a commented question that passes `joulescape check`; an existing file is never overwritten."""
    from joulescape.errors import Fault, SpecError
    from joulescape.resolve.design_space import load_space
    from joulescape.resolve.shelves import find_root
    from joulescape.spec.document import display

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise SpecError([Fault("command line", None, "NAME", f"'{name}'", "lower-case letters, digits and _")])
    project = find_root(root)
    path = project / "spaces" / f"{name}.yaml"
    text = "" if path.exists() else _text(project, display(path))
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        fault = Fault(display(path), None, "", "a file that exists already", "a new name")
        raise SpecError([fault]) from error
    load_space(path)
    typer.echo(f"{display(path)} written; edit it, then run: joulescape check {display(path)}")


def _text(project: Path, shown: str) -> str:
    """The template with the project's first back ends of each family and a network that meets them."""
    from joulescape.resolve.example import example_names

    names = example_names(project)
    return TEMPLATE.format(
        schema="../docs/schema/space.schema.json",
        shown=shown,
        task=names.task,
        network=names.network,
        back_ends=", ".join(names.back_ends),
    )
