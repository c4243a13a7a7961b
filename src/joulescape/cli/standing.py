"""How the questions of a project stand to their results: answered as they now ask, stale, or not answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joulescape.report.index import Open, State

AGAIN = "run `snakemake --cores N results/{}/report.html`"


def states_of(root: Path, folders: Sequence[Path]) -> dict[str, State]:
    """Of every folder whose question is still on the shelf `spaces/`; a study's questions stand for themselves."""
    return {
        folder.name: _state(path, folder)
        for folder in folders
        if (path := root / "spaces" / f"{folder.name}.yaml").exists() and (folder / "resolved.json").exists()
    }


def stale_words(folder: Path) -> str | None:
    """`results/s: stale: ...` where the results in a folder do not answer the question as it stands now; None where
    they do, or nothing beside them tells."""
    from joulescape.errors import SpecError
    from joulescape.resolve.shelves import find_root

    folder = folder.resolve()
    try:
        found = states_of(find_root(folder), [folder]).get(folder.name)
    except SpecError:  # results that were copied out of their project
        return None
    return f"{folder.name}: {found.words}" if found is not None and found.is_stale else None


def waiting_of(root: Path, folders: Sequence[Path]) -> tuple[Open, ...]:
    """Questions of the shelf that none of the folders answers, by name."""
    from joulescape.errors import Fault
    from joulescape.report.index import Open
    from joulescape.resolve.shelves import read_or_fault

    answered, found = {folder.name for folder in folders}, []
    for path in sorted((root / "spaces").glob("*.yaml")):
        if path.stem not in answered:
            faults: list[Fault] = []
            document = read_or_fault(path, faults)
            question = "" if document is None else str(document.content.get("question") or "")
            found.append(Open(path.stem, question, f"No results: {AGAIN.format(path.stem)}."))
    return tuple(found)


def _state(path: Path, folder: Path) -> State:
    """Stale where the question, a network or the shelf moved, its budget or picks did, other code judged, or what was
    asked cannot be read."""
    from joulescape.errors import ResultsError, SpecError
    from joulescape.network.digest import canonical
    from joulescape.report.index import State, told_in
    from joulescape.resolve.design_space import load_space
    from joulescape.search.digests import code_digest, space_digest

    again = AGAIN.format(path.stem)
    try:
        told = told_in(folder / "resolved.json")
    except ResultsError as error:
        return State(f"stale: {error}, so that nobody knows what was answered; {again}", True)
    digests = told.get("digests") or {}
    try:
        space = load_space(path)
    except SpecError as error:
        return State(f"stale: {path.name} has {len(error.faults)} fault(s) now; see `joulescape check`", True)
    if digests.get("space") != space_digest(space):
        return State(f"stale: the question, a network or the shelf changed since; {again}", True)
    if told.get("spec") != canonical(space.spec):
        return State(f"stale: its words, budget or picks changed since; {again}", True)
    if digests.get("code") != code_digest():
        return State(
            f"stale: the question stands as it was answered, the code that judges changed since; {again}", True
        )
    return State("current: the question, its networks, the shelf and the code are as they were answered", False)
