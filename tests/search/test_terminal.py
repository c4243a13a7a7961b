"""What a command says: plain lines where nobody watches, a bar on a terminal, and peace when an interrupt comes."""

from __future__ import annotations

import io
import logging
import re

import pytest
from rich.console import Console
from search_fakes import judge, make_space

from joulescape.search import terminal
from joulescape.search.driver import Means
from joulescape.search.progress import log, pulse
from joulescape.search.run import search
from joulescape.search.terminal import Bar, progress_shown


@pytest.fixture
def screen(monkeypatch):
    """A terminal that remembers what was written to it."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(terminal, "_handler", lambda: Bar(console))
    return written


def test_without_a_terminal_there_are_plain_lines_with_a_time_stamp(capsys):
    with progress_shown():
        log.info("24/48 candidates [3 valid]")
        assert not pulse.isEnabledFor(logging.DEBUG)
        pulse.debug("judged")
    said = capsys.readouterr().err
    assert re.fullmatch(r"\d\d:\d\d:\d\d 24/48 candidates \[3 valid\]\n", said)


def test_after_the_block_everything_is_as_before(capsys):
    root = logging.getLogger("joulescape")
    before = list(root.handlers), root.level
    for _ in range(2):
        with progress_shown():
            log.info("once")
    log.info("never")
    assert (list(root.handlers), root.level) == before
    assert capsys.readouterr().err.count("once") == 2


def test_a_terminal_gets_the_lines_and_a_bar_that_counts(screen):
    with progress_shown():
        pulse.debug("judged")
        pulse.debug("remembered")
        log.info("12/48 candidates [a line]", extra={"told": 12, "trials": 48, "left_s": 120.0})
        pulse.debug("judged")
        (handler,) = [h for h in logging.getLogger("joulescape").handlers if isinstance(h, Bar)]
        (task,) = handler._bar.tasks
        assert (task.completed, task.total) == (12, 48)
        assert task.description == "3 evaluations, about 2 min left"
    text = screen.getvalue()
    assert "12/48 candidates [a line]" in text
    assert "judged\n" not in text


def test_a_search_moves_the_bar_to_its_end_and_leaves_the_same_rows(screen, tmp_path):
    space = make_space(tmp_path)
    with progress_shown():
        (handler,) = [h for h in logging.getLogger("joulescape").handlers if isinstance(h, Bar)]
        found = search(space, tmp_path / "out", Means(), judge)
        (task,) = handler._bar.tasks
        assert (task.completed, task.total) == (60, 60)
        assert task.description.startswith(f"{found.judged} evaluations")
    assert len(re.findall(r"\d+/60 candidates", screen.getvalue())) >= 5
    again = search(space, tmp_path / "out", Means(), judge)
    assert again.trials.equals(found.trials)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_interrupt_says_that_nothing_is_lost_and_still_ends_the_run(request, capsys, is_terminal):
    screen = request.getfixturevalue("screen") if is_terminal else None
    with pytest.raises(KeyboardInterrupt), progress_shown():
        raise KeyboardInterrupt
    assert "what was finished is remembered" in (screen.getvalue() if screen else capsys.readouterr().err)
    assert not [h for h in logging.getLogger("joulescape").handlers if isinstance(h, Bar)]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_terminal_gets_a_bar(monkeypatch, is_terminal):
    monkeypatch.setattr(terminal.sys.stderr, "isatty", lambda: is_terminal, raising=False)
    handler = terminal._handler()
    assert isinstance(handler, Bar) == is_terminal
    handler.close()
