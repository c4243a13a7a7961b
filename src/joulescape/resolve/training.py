"""Training on the machine: the values of `training:`, fixed or drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic

from joulescape.errors import Fault
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.filling import Field, check_fields, read_fields
from joulescape.spec.base import Shape
from joulescape.spec.document import Document, Keys
from joulescape.spec.domain import Scalar
from joulescape.spec.space import Target, TrainingSpec


class TrainingSettings(Shape):
    """The values that each field of `training:` may take."""

    algorithm: Literal["pat", "pat_fitted", "in_silico", "in_silico_noise", "in_silico_fitted", "ideal"] = "pat"
    rounding: Literal["stochastic", "nearest"] = "stochastic"
    feedback: Literal["backprop", "dfa"] = "backprop"
    batch: Annotated[int, pydantic.Field(ge=1)] = 32
    epochs: Annotated[int, pydantic.Field(ge=1)] = 12
    learning_rate: Annotated[float, pydantic.Field(gt=0)] = 0.1
    target: Target | None = None


_RUN_FIELDS = ("epochs", "batch", "learning_rate")
_OWN_FIELDS = ("algorithm",)


@dataclass(frozen=True)
class TrainingPlan:
    """Plain values of `training:` and the domains among them."""

    spec: TrainingSpec
    fields: tuple[Field, ...] = ()

    def parameters(self, is_own: bool = True) -> tuple[Parameter, ...]:
        """What is drawn where training is asked; an algorithm only for machines that are their own network."""
        drawn = (f for f in self.fields if is_own or f.path not in _OWN_FIELDS)
        return tuple(Parameter(f"training.{f.path}", f.domain) for f in drawn if f.domain is not None)

    def plain(self) -> dict[str, Any]:
        """Every field as a plain value; a domain that is not drawn gives its field's default. `target` is left out."""
        default, written = TrainingSpec(), self.spec.model_dump(exclude={"target"})
        domains = {field.path for field in self.fields if field.domain is not None}
        return {name: getattr(default, name) if name in domains else value for name, value in written.items()}

    def resolved(self, values: Mapping[str, Scalar], own_recipe: Mapping[str, Scalar] | None = None) -> dict[str, Any]:
        """Plain values with the drawn ones in place.

        A machine that is its own network has no training elsewhere: what the question leaves unsaid of epochs, batch
        and learning rate is then its network's `own_recipe` and not the default of training on other machines.
        """
        named = {p.name.removeprefix("training."): p.name for p in self.parameters()}
        drawn = {field: values[name] for field, name in named.items() if name in values}
        unsaid = [name for name in _RUN_FIELDS if name not in self.spec.model_fields_set]
        return {**self.plain(), **{name: own_recipe[name] for name in unsaid if own_recipe}, **drawn}


def read_training(document: Document, spec: TrainingSpec, faults: list[Fault]) -> TrainingPlan:
    """What the space says about training; faults of values and domains are added to `faults`."""
    keys: Keys = ("training",)
    if "training" not in document.content:
        return TrainingPlan(spec)
    fields = read_fields(document, keys, faults)
    for field in fields:
        if field.domain is not None and field.domain.per is not None:
            faults.append(
                document.fault((*field.keys, "per"), "'layer'", "no key 'per' (training has one value for all layers)")
            )
    faults.extend(check_fields(TrainingSettings, {}, fields, document, keys))
    return TrainingPlan(spec, fields)
