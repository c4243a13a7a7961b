"""A study resolved: its questions, baselines, machines' constants and trends found and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulescape.errors import Fault, SpecError
from joulescape.network.digest import digest
from joulescape.resolve.design_space import DesignSpace, load_space
from joulescape.resolve.settings import leaves
from joulescape.resolve.shelves import find_root, space_names, space_path, study_names, trend_names, unknown_name
from joulescape.resolve.trends import Trend, read_trend
from joulescape.spec.document import Document, Keys, display, read_document, shown
from joulescape.spec.faults import checked
from joulescape.spec.sourced import sourced_values
from joulescape.spec.study import ROLES, Role, StudySpec, is_study

SPACE_FILE = "spaces/<name>.yaml"
TREND_FILE = "hwlib/trends/<name>.yaml"


@dataclass(frozen=True)
class Study:
    """One study with everything that it names."""

    name: str
    path: Path
    root: Path
    spec: StudySpec
    spaces: Mapping[Role, DesignSpace]
    """Its questions by their part; a part that the study leaves out is absent."""
    trends: Mapping[str, Trend]

    @property
    def file(self) -> str:
        """The study's file as messages and commands show it."""
        return display(self.path)

    def results(self, role: Role) -> Path:
        """Results folder of the question with this part; KeyError where the study has none."""
        return self.root / "results" / self.spaces[role].name

    def baseline(self, role: Role) -> str:
        """The back end that factors of this question are counted from: the study's first that the question has."""
        known = self.spaces[role].back_ends
        return next(name for name in self.spec.baselines if name in known)

    def networks(self) -> tuple[str, ...]:
        """Networks of the bridge that are compared; none without a bridge."""
        if "bridge" not in self.spaces:
            return ()
        return self.spec.networks or tuple(self.spaces["bridge"].networks)

    def digest(self) -> str:
        """Digest of the study with everything that it names."""
        spaces = {role: space.digest() for role, space in self.spaces.items()}
        return digest(self.spec, spaces, {name: trend.spec for name, trend in self.trends.items()})


def load_study(path: Path | str, known: Mapping[str, DesignSpace] | None = None) -> Study:
    """Read one study with all it names; SpecError with every fault of the study, its questions and its trends.

    Questions of the same project that are resolved already may be given by name, and are not read again.
    """
    file = Path(path)
    document = read_document(file)
    root, faults = find_root(file), list[Fault]()
    if not is_study(document):
        expected = "a study (`study: gap`); a question is answered by `joulescape search`"
        raise SpecError([document.fault((), "a question", expected)])
    spec = checked(StudySpec, document, faults)
    if spec is None:
        raise SpecError(faults)
    spaces = _read_spaces(document, spec, root, known or {}, faults)
    trends = _read_trends(document, spec, root, faults)
    if not faults:
        faults.extend(fault for check in _CHECKS for fault in check(document, spec, spaces))
    if faults:
        raise SpecError(sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line or 0, fault.path)))
    return Study(file.stem, file.absolute(), root, spec, spaces, trends)


def _read_spaces(
    document: Document, spec: StudySpec, root: Path, resolved: Mapping[str, DesignSpace], faults: list[Fault]
) -> dict[Role, DesignSpace]:
    found: dict[Role, DesignSpace] = {}
    known = space_names(root)
    for role in ROLES:
        name = getattr(spec.questions, role)
        keys: Keys = ("questions", role)
        if name is None:
            continue
        if name in study_names(root):
            faults.append(document.fault(keys, shown(name), "a question; this is a study itself"))
        elif name not in known:
            faults.append(unknown_name(document, keys, name, known, SPACE_FILE))
        else:
            try:
                found[role] = resolved[name] if name in resolved else load_space(space_path(root, name))
            except SpecError as error:
                faults.extend(error.faults)
    return found


def _read_trends(document: Document, spec: StudySpec, root: Path, faults: list[Fault]) -> dict[str, Trend]:
    found: dict[str, Trend] = {}
    known = trend_names(root)
    for index, name in enumerate(spec.shores.trends):
        keys: Keys = ("shores", "trends", index)
        if name not in known:
            faults.append(unknown_name(document, keys, name, known, TREND_FILE))
        elif name in found:
            faults.append(document.fault(keys, shown(name), "each name once"))
        else:
            trend = read_trend(root, name, faults)
            found.update({} if trend is None else {name: trend})
    return found


Check = Callable[[Document, StudySpec, Mapping[Role, DesignSpace]], Sequence[Fault]]


def _baselines(document: Document, spec: StudySpec, spaces: Mapping[Role, DesignSpace]) -> list[Fault]:
    """Every baseline is a back end of some question, and every question has one of them."""
    known = tuple(dict.fromkeys(name for space in spaces.values() for name in space.back_ends))
    faults = [
        unknown_name(document, ("baselines", index), name, known)
        for index, name in enumerate(spec.baselines)
        if name not in known and spaces
    ]
    for role, space in spaces.items():
        if not faults and not set(spec.baselines) & set(space.back_ends):
            expected = f"a question with one of the baselines {', '.join(spec.baselines)} among its back ends"
            faults.append(document.fault(("questions", role), shown(space.name), expected))
    return faults


def _networks(document: Document, spec: StudySpec, spaces: Mapping[Role, DesignSpace]) -> list[Fault]:
    return _unknown(
        document, ("networks",), spec.networks, tuple(spaces["bridge"].networks) if "bridge" in spaces else ()
    )


def _overtakers(document: Document, spec: StudySpec, spaces: Mapping[Role, DesignSpace]) -> list[Fault]:
    """A back end of the bridge or of what was measured, paths of its sourced values, networks of either."""
    asked = [spaces[role] for role in ("bridge", "measured") if role in spaces]
    back_ends = {name: back_end for space in asked for name, back_end in space.back_ends.items()}
    networks = tuple(dict.fromkeys(name for space in asked for name in space.networks))
    faults = _unknown(document, ("overtake", "networks"), spec.overtake.networks, networks)
    for index, entry in enumerate(spec.overtake.machines):
        keys: Keys = ("overtake", "machines", index)
        faults += _unknown(document, (*keys, "networks"), entry.networks, networks)
        if entry.back_end not in back_ends:
            faults.append(unknown_name(document, (*keys, "back_end"), entry.back_end, tuple(back_ends)))
            continue
        known = tuple(sourced_values(back_ends[entry.back_end].settings))
        faults += _unknown(document, (*keys, "parameters"), entry.parameters, known)
    return faults


def _priced_trainings(document: Document, spec: StudySpec, spaces: Mapping[Role, DesignSpace]) -> list[Fault]:
    """A network of the bridge, once; back ends of the question about training, and settings that they have."""
    networks = tuple(spaces["bridge"].networks) if "bridge" in spaces else ()
    back_ends = spaces["training"].back_ends if "training" in spaces else {}
    faults, named = list[Fault](), list[str]()
    for index, entry in enumerate(spec.lifecycle.priced):
        keys: Keys = ("lifecycle", "priced", index)
        if entry.network not in networks:
            faults.append(unknown_name(document, (*keys, "network"), entry.network, networks))
        elif entry.network in named:
            faults.append(document.fault((*keys, "network"), shown(entry.network), "each network once"))
        named.append(entry.network)
        for name, values in entry.hardware.items():
            if name not in back_ends:
                faults.append(unknown_name(document, (*keys, "hardware", name), name, tuple(back_ends)))
                continue
            known = tuple(leaves(back_ends[name].settings))
            faults += [
                unknown_name(document, (*keys, "hardware", name, path), path, known)
                for path in values
                if path not in known
            ]
    return faults


def _unknown(document: Document, keys: Keys, names: Sequence[str], known: tuple[str, ...]) -> list[Fault]:
    """A fault for each name of a list that is not known."""
    return [
        unknown_name(document, (*keys, position), name, known)
        for position, name in enumerate(names)
        if name not in known
    ]


_CHECKS: tuple[Check, ...] = (_baselines, _networks, _overtakers, _priced_trainings)
