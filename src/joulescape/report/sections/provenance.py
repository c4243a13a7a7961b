"""Where this came from: the question as asked, seeds, versions, digests, refused pairs, and the papers to cite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import yaml

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.report.missing import missing_words
from joulescape.report.soundness import unsound_words

PLACES = ("journal", "booktitle", "howpublished", "publisher", "institution", "school")
"""Fields of an entry that say where it appeared."""
SCALING = {"stillmaker": "stillmaker2017", "tpuv4i": "jouppi2021"}
"""Who published each rule of scaling."""


@dataclass(frozen=True)
class Citation:
    """One source that the numbers of this report rest on."""

    key: str
    text: str
    bibtex: str


@dataclass(frozen=True)
class ProvenanceFacts:
    """Everything needed to run the same question again, and to cite it."""

    items: tuple[tuple[str, str], ...]
    spec_yaml: str
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    citations: tuple[Citation, ...]
    unlisted: tuple[str, ...]
    """Source keys that the references do not hold."""


def facts(given: Tables) -> ProvenanceFacts:
    """Sources are those of the parts shown and of the published figures of this space's back ends."""
    keys = source_keys(given)
    return ProvenanceFacts(
        items=tuple(_items(given)),
        spec_yaml=yaml.safe_dump(dict(given.spec), sort_keys=False, allow_unicode=True) if given.spec else "",
        refused=tuple(
            (f"{entry['network']} on {entry['back_end']}", str(entry["reason"])) for entry in _listed(given, "refused")
        ),
        notes=tuple(
            filter(
                None,
                (*missing_words(given.missing), unsound_words(given.unsound), *map(str, _listed(given, "notes"))),
            )
        ),
        citations=tuple(citation(key, given.references[key]) for key in keys if key in given.references),
        unlisted=tuple(key for key in keys if key not in given.references),
    )


def source_keys(given: Tables) -> list[str]:
    """BibTeX keys of exactly the models used, sorted; a part may name several, and how one was scaled.

    Constants of every machine that was tried, parts of confirmed designs, published figures of these machines, methods
    that some design was compressed by, the data that accuracies were measured on, and the rules that scale nodes.
    """
    names = [name for name, _ in given.back_ends]
    tables = [given.published.filter(pl.col("back_end").is_in(names)), given.parts]
    tables.append(given.constants.filter(pl.col("back_end").is_in(names)))
    told = [text for table in tables for text in table["source"].drop_nulls().unique().to_list()]
    found = [*told, *_methods(given), *_scaling(given)]
    split = (word.strip() for text in found for word in re.split("[,;+]", text))
    return sorted({word for word in split if word and " " not in word})


def _methods(given: Tables) -> list[str]:
    """Sources of the methods that designs were compressed by, and of the data."""
    known = given.resolved.get("sources") or {}
    used: set[str] = set()
    for place, step in enumerate(given.spec.get("compression") or ()):
        column = f"compression.{place}"
        drawn = given.trials[column].drop_nulls().unique().to_list() if column in given.trials.columns else []
        used |= set(drawn) if "choice" in step else set(step)
    methods = known.get("compression") or {}
    keys = [key for name in sorted(used) for key in methods.get(name, ())]
    return [*keys, *(known.get("data") or ())]


def _scaling(given: Tables) -> list[str]:
    """Who published the rules by which parts were scaled to another node."""
    nodes = {str(node) for node in given.parts["node"].drop_nulls().unique().to_list()} - {"as_published"}
    named = {node.partition(", ")[2] or str(given.spec.get("scaling_rule") or "stillmaker") for node in nodes}
    return [SCALING[name] for name in sorted(named) if name in SCALING]


def _listed(given: Tables, key: str) -> list[Any]:
    return list(given.resolved.get(key) or [])


def _items(given: Tables) -> list[tuple[str, str]]:
    budget, run = given.spec.get("budget") or {}, given.run
    items = [("Space", given.name), ("Seed", budget.get("seed")), ("Budget", _listing(budget))]
    items += [("Sampler", run.get("sampler")), ("Rungs", " → ".join(given.rungs))]
    items += [("The search ended because", run.get("ended")), ("Fidelity of the search", run.get("fidelity"))]
    items += [("Reference point of the hypervolume", _reference_point(given, run.get("reference_point")))]
    items += [(f"Digest of {name}", _listing(value)) for name, value in (given.resolved.get("digests") or {}).items()]
    items += [("Commit", given.resolved.get("git_commit")), ("Versions", _listing(given.resolved.get("versions")))]
    items += [("Computed on", _listing(given.resolved.get("machine")))]
    used = set() if given.is_cost_only else set(given.trials["network"].drop_nulls().to_list())
    items += [("Files read (SHA-256)", ", ".join(f"{name} {digest[:12]}" for name, digest in given.files.items()))]
    items += [(f"Reference of {name}", _reference(found)) for name, found in given.networks.items() if name in used]
    return [(name, str(value)) for name, value in items if value not in (None, "")]


def _reference(found: Mapping[str, Any]) -> str:
    """`4,810 parameters; accuracy 99.2 % on validation, 98.3 % on test, mean of 5 seeds; digest b68c91834fb7f241`."""
    accuracies = [
        f"{theme.show(found[name], name)} on {split}"
        for split in ("validation", "test")
        if found.get(name := f"{split}_accuracy_mean_fraction") is not None
    ]
    count, seeds = found.get("parameter_count"), found.get("seeds_count")
    over = "" if not seeds else ", one seed" if seeds == 1 else f", mean of {seeds} seeds"
    said = (
        "" if count is None else f"{count:,} parameters",
        f"accuracy {', '.join(accuracies)}{over}" if accuracies else "",
        f"digest {found['digest']}" if found.get("digest") else "",
    )
    return "; ".join(filter(None, said))


def _reference_point(given: Tables, found: Any) -> str:
    """The corner in the metrics' own units: it is kept as log10 of costs, and with what is maximised negated."""
    if not isinstance(found, Mapping):
        return ""
    directions = given.spec.get("objectives") or {}
    turned = {name: -value if directions.get(name) == "maximize" else value for name, value in found.items()}
    plain = {name: value if name.endswith("_fraction") else 10.0**value for name, value in turned.items()}
    return ", ".join(f"{theme.LABELS.get(name, name)} {theme.show(value, name)}" for name, value in plain.items())


def _listing(found: Any) -> str:
    """A mapping's plain values as `name value, name value`; anything else as text."""
    if not isinstance(found, Mapping):
        return "" if found is None else str(found)
    plain = {name: value for name, value in found.items() if isinstance(value, str | int | float)}
    return ", ".join(f"{name} {_number(value)}" for name, value in plain.items() if name != "seed")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def citation(key: str, entry: Mapping[str, str]) -> Citation:
    """One entry of the references, as text and as BibTeX."""
    place = next((entry[name] for name in PLACES if entry.get(name)), "")
    doi = f"doi:{entry['doi']}" if entry.get("doi") else entry.get("url", "")
    said = (entry.get("author", ""), _plain(entry.get("title", "")), _plain(place), entry.get("year", ""), doi)
    return Citation(key, ". ".join(_plain(part) for part in said if part), _bibtex(entry))


def _plain(text: str) -> str:
    """BibTeX text without its braces."""
    return text.replace("{", "").replace("}", "").replace("\n", " ")


def _bibtex(entry: Mapping[str, str]) -> str:
    fields = "".join(f"  {name} = {{{value}}},\n" for name, value in entry.items() if name not in {"ID", "ENTRYTYPE"})
    return f"@{entry['ENTRYTYPE']}{{{entry['ID']},\n{fields}}}"
