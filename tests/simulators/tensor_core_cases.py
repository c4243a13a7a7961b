"""Settings that the tests of tensor cores share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.tensor_core.settings import TensorCoreSettings

ROOT = Path(__file__).parents[2]
NAMES = ("lightning_transformer", "albireo", "netcast", "tempo")


def core(name: str = "lightning_transformer", overrides: dict[str, Any] | None = None) -> TensorCoreSettings:
    """A shelf entry with other values at dotted paths."""
    settings = load_back_end(ROOT, f"photonic/{name}", overrides or {}).settings
    assert isinstance(settings, TensorCoreSettings)
    return settings
