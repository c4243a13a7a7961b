"""What a command says while it works: plain lines with a time stamp, and on a terminal a bar below them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from joulescape.search.progress import duration, log, pulse

if TYPE_CHECKING:
    from rich.console import Console

TIME = "%H:%M:%S"


@contextmanager
def progress_shown() -> Iterator[None]:
    """Write the lines of `joulescape.*` loggers to standard error as long as the block lasts.

    An interrupt from the keyboard says that nothing is lost.
    """
    root = logging.getLogger("joulescape")
    handler = _handler()
    level, pulse.propagate = root.level, isinstance(handler, Bar)
    pulse.setLevel(logging.DEBUG if pulse.propagate else logging.CRITICAL)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except KeyboardInterrupt:
        log.warning("stopped; what was finished is remembered: the same command goes on from there")
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def _handler() -> logging.Handler:
    if sys.stderr.isatty():
        from rich.console import Console

        return Bar(Console(stderr=True))
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt=TIME))
    return handler


class Bar(logging.Handler):
    """Prints lines above a bar that grows with the candidates told, and counts evaluations as they end."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt=TIME))
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=None)
        self._evaluations, self._left = 0, ""
        self._bar.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar, and print what is a line."""
        if record.name == pulse.name:
            self._evaluations += 1
        else:
            self._bar.console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)
        if hasattr(record, "told"):
            left_s: float | None = getattr(record, "left_s", None)
            self._left = "" if left_s is None else f", about {duration(left_s)} left"
            self._bar.update(self._task, completed=record.told, total=getattr(record, "trials", None))
        self._bar.update(self._task, description=f"{self._evaluations} evaluations{self._left}")

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
        super().close()
