"""What follows from the lifecycle table, in sentences."""

from __future__ import annotations

from joulescape.gap.findings import Find

FINDINGS: tuple[Find, ...] = ()
