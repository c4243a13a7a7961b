"""How the questions of a project stand to their results: answered as they now ask, stale, or not answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joulescape.report.index import Open, State

AGAIN = "run `snakemake --cores N results/{}/report.html`"


def states_of(root: Path, folders: Sequence[Path]) -> dict[str, State]:
    """Of every folder whose question or study is still on the shelf `spaces/`."""
    found = {}
    for folder in folders:
        path = root / "spaces" / f"{folder.name}.yaml"
        if path.exists() and (folder / "study.json").exists():
            found[folder.name] = _study_state(path, folder)
        elif path.exists() and (folder / "resolved.json").exists():
            found[folder.name] = _state(path, folder)
    return found


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

    answered, found = {folder.name for folder in folders}, list[Open]()
    shelf = {path.stem: read_or_fault(path, list[Fault]()) for path in sorted((root / "spaces").glob("*.yaml"))}
    content = {name: {} if document is None else document.content for name, document in shelf.items()}
    studies = {name: set((told.get("questions") or {}).values()) for name, told in content.items() if "study" in told}
    for name, told in content.items():
        if name not in answered:
            of = [study for study, questions in studies.items() if name in questions]
            drawn = next((folder.parent / name for folder in folders if _is_answered(folder.parent / name)), None)
            question = str(told.get("question") or "")
            found.append(Open(name, question, _lacking(root, name, of, drawn), drawn is not None))
    return tuple(found)


def _is_answered(folder: Path) -> bool:
    """Whether search and confirm have left all that a page is drawn from."""
    return all((folder / name).exists() for name in ("trials.parquet", "confirmed.parquet", "resolved.json"))


def _lacking(root: Path, name: str, studies: Sequence[str], drawn: Path | None) -> str:
    """What a question without a page lacks, and of which studies it is a part."""
    part = f" It is a part of {' and '.join(studies)}." if studies else ""
    if drawn is None:
        return f"No results: {AGAIN.format(name)}.{part}"
    state = states_of(root, [drawn]).get(name)
    stale = f" Its tables are {state.words}." if state is not None and state.is_stale else ""
    return f"Its tables are finished, its page is not drawn: `joulescape report results/{name}` draws it.{stale}{part}"


def _study_state(path: Path, folder: Path) -> State:
    """Stale where the study, a question of it with all that it names, or a series of its shores moved."""
    from joulescape.errors import ResultsError, SpecError
    from joulescape.report.index import State, told_in
    from joulescape.resolve.study import load_study

    again = AGAIN.format(path.stem)
    try:
        told = told_in(folder / "study.json")
        digest = load_study(path).digest()
    except ResultsError as error:
        return State(f"stale: {error}, so that nobody knows what was worked out; {again}", True)
    except SpecError as error:
        return State(f"stale: {path.name} has {len(error.faults)} fault(s) now; see `joulescape check`", True)
    if told.get("digest") != digest:
        return State(
            f"stale: the study, its questions, their networks, the shelf or its series changed since; {again}", True
        )
    return State(f"current: {CURRENT_STUDY}", False)


CURRENT_STUDY = "the study, its questions and its series are as they were; by which code it was worked out is not kept"


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
