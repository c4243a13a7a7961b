"""Reads a page as a browser without scripts would: elements with their attributes, nesting and text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}


def body(page: str) -> str:
    """What a reader sees: the page without its scripts, style and drawings."""
    text = re.sub(r"<(script|style|svg|pre|code)\b.*?</\1>", "", page, flags=re.S)
    return re.sub(r"<[^>]+>", " ", text)


def assert_sound(page: str) -> None:
    seen = body(page)
    assert not re.search(r"\b(?:None|nan|NaN|inf|undefined|null)\b", seen), seen
    assert "Undefined" not in seen
    assert "{{" not in seen and "{%" not in seen


@dataclass
class Element:
    """One element: its name, attributes, text with that of its children, and the elements around it."""

    tag: str
    attributes: dict[str, str]
    around: tuple[Element, ...]
    text: str = ""
    children: list[Element] = field(default_factory=list)


class Reader(HTMLParser):
    """Collects every element in document order; raises AssertionError on nesting that does not close."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(made)
        if self._open:
            self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1].tag == tag, f"</{tag}> closes {self._open[-1].tag if self._open else None}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


def elements(page: str) -> list[Element]:
    """Every element of the page, outermost first."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader._open
    return reader.elements


def named(found: list[Element], *tags: str) -> list[Element]:
    """The elements of these tags, in document order."""
    return [element for element in found if element.tag in tags]
