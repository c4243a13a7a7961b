"""What the two shores say together."""

from __future__ import annotations

from joulescape.gap.findings import Find

FINDINGS: tuple[Find, ...] = ()
