"""Reading YAML: traps of plain words, lines of every key, and laws."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import SpecError
from joulescape.spec.document import Document, dotted, plain, read_document, shown


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def reader(text: str) -> Document:
        (tmp_path / "a.yaml").write_text(text)
        return read_document(tmp_path / "a.yaml")

    return reader


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 1e-3), ("1E3", 1000.0), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-2.5e+2", -250.0),
        ("7", 7), ("-7", -7),
        ("0", 0), ("true", True), ("false", False), ("null", None), ("~", None), ("", None),
    ],
)  # fmt: skip
def test_plain_values(word, value):
    assert plain(word) == value
    assert type(plain(word)) is type(value)


@pytest.mark.parametrize(
    "word",
    ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "010", "0x10", "0o7", "1_000", "1:30", "2020-01-01", ".inf",
     ".nan",
     "1e999", "nan", "inf", "+", "-", ".", "e3", "1.2.3", "9" * 400],
)  # fmt: skip
def test_words_stay_text(word):
    assert plain(word) == word


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_reads_back(number):
    assert plain(repr(number)) == number
    assert isinstance(plain(repr(number)), float)


@given(st.integers(-(10**30), 10**30))
def test_every_integer_reads_back(number):
    assert plain(str(number)) == number


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(alphabet="abc xyz:#'\"-\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="abcno", min_size=1, max_size=3), inner)
    ),
    max_leaves=12,
)


@given(content=st.dictionaries(st.text(alphabet="abcyes", min_size=1, max_size=4), plain_data, max_size=4))
def test_what_a_dumper_wrote_is_read_back(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("yaml") / "a.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert read_document(path).content == content


def test_keys_are_always_text(read):
    assert read("no: 1\n1: 2\ntrue: 3\nnull: 4\n").content == {"no": 1, "1": 2, "true": 3, "null": 4}


def test_quotes_and_blocks_stay_text(read):
    assert read("a: '1'\nb: \"true\"\nc: |\n  1\n").content == {"a": "1", "b": "true", "c": "1\n"}


def test_lines_of_keys_and_entries(read):
    document = read("# first\na:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n")
    assert document.line(("a",)) == 2
    assert document.line(("a", "b")) == 3
    assert document.line(("a", "c", 1)) == 6
    assert document.line(("a", "c", 1, "d")) == 6


def test_absent_place_has_the_line_of_what_encloses_it(read):
    document = read("a:\n  b: 1\n")
    assert document.line(("a", "missing", "deeper")) == 1
    assert Document("memory", {}).line(("a",)) is None


def test_at_walks_keys_and_positions(read):
    document = read("a: [{b: 5}]\n")
    assert document.at(("a", 0, "b")) == 5
    with pytest.raises(KeyError):
        document.at(("z",))


def test_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(tmp_path / "a.yaml").content == {"a": 1}


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "a: &x {b: 1}\nc: *x\n"])
def test_aliases_never_expand(read, text):
    with pytest.raises(SpecError, match="alias"):
        read(text)


def test_every_fault_of_form_comes_at_once(read):
    with pytest.raises(SpecError) as caught:
        read("a: &x 1\nb: *x\na: 2\n? [k]\n: 3\n")
    assert [fault.line for fault in caught.value.faults] == [1, 2, 3, 4]


def test_deep_nesting_is_a_fault_and_no_crash(read):
    with pytest.raises(SpecError, match="levels"):
        read("a: " + "[" * 500 + "]" * 500)


def test_a_control_character_is_a_fault(read):
    with pytest.raises(SpecError, match="no YAML"):
        read("a: \x07\n")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_faults(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(raw)
    try:
        assert isinstance(read_document(path).content, dict)
    except SpecError as error:
        assert error.faults


@given(st.text(alphabet="abc:{}[],-&*!?|>'\"%@`# \n\t0.", max_size=40))
def test_any_text_is_a_document_or_faults(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz_text.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        assert isinstance(read_document(path).content, dict)
    except SpecError as error:
        assert error.faults


def test_messages_are_short():
    assert dotted(("a", 0, "b.c")) == "a.0.b.c"
    assert shown("x" * 100) == f"'{'x' * 57}...'"
    assert shown({"a": {"b": 1}}) == "a mapping"
    assert shown({"kind": "int", "low": 1, "log": True}) == "{kind: int, low: 1, log: true}"
    assert (shown(None), shown([1]), shown(False), shown(math.pi)) == ("nothing", "a list", "false", repr(math.pi))


def test_a_question_called_by_its_name_alone_is_found(tmp_path):
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "mine.yaml").write_text("question: Which?\n")
    with pytest.raises(SpecError) as caught:
        read_document(tmp_path / "mine")
    assert caught.value.faults[0].nearest.endswith("spaces/mine.yaml")
    with pytest.raises(SpecError) as caught:
        read_document(tmp_path / "other")
    assert caught.value.faults[0].nearest is None
