"""`check`, `list`, `new` and `schema` through the real command line, on the real shelves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from joulescape import cli
from joulescape.resolve.design_space import load_space
from joulescape.resolve.schema import schemas

ROOT = Path(__file__).parents[2]
COMMANDS = ("check", "list", "new", "schema")
HEAVY = ("torch", "optuna", "ray", "polars", "scipy", "altair", "sklearn", "pandas")

SPACE = """\
question: How many bits?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8]
compression: [{quantize: {weight_bits: {kind: int, low: 2, high: 8}, activation_bits: 8}}]
hardware: {electronic/systolic_int8: {array.rows: {kind: choice, options: [16, 32]}}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 4}
"""


@pytest.fixture
def shelves(tmp_path, monkeypatch):
    """A project of its own with the real shelves, as the working folder."""
    for name in ("hwlib", "models"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "spaces").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `joulescape` with these words; (exit code, standard output, standard error)."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(cli, "COMMANDS", COMMANDS)
        monkeypatch.setattr(cli.app, "registered_commands", [])
        monkeypatch.setattr(sys, "argv", ["joulescape", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


def test_a_good_question_says_what_it_spans(shelves, run):
    (shelves / "spaces" / "s.yaml").write_text(SPACE)
    code, out, err = run("check", "spaces/s.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "spaces/s.yaml: How many bits?",
        "  task digits, boundary system, batch 1, phases inference",
        "  1 pair of network and back end:",
        "    digits_mlp@electronic/systolic_int8: 1 drawn parameter, 2 variants swept",
        "  4 trials by nsga2, seed 0: no fault",
    ]


def test_faults_of_all_files_are_listed_and_good_files_still_shown(shelves, run):
    (shelves / "spaces" / "good.yaml").write_text(SPACE)
    (shelves / "spaces" / "a.yaml").write_text(SPACE.replace("systolic_int8]", "sistolic_int8]"))
    (shelves / "spaces" / "b.yaml").write_text(SPACE.replace("trials: 4", "trials: 0").replace("bits:", "bit:", 1))
    code, out, err = run("check", "spaces/a.yaml", "spaces/good.yaml", "spaces/b.yaml", "spaces/none.yaml")
    assert code == 2
    assert out.startswith("spaces/good.yaml: How many bits?")
    assert "Traceback" not in err
    places = [line.partition(" ")[0] for line in err.splitlines()]
    assert places == [
        "spaces/a.yaml:4:", "spaces/a.yaml:6:", "spaces/b.yaml:5:", "spaces/b.yaml:8:", "spaces/none.yaml:", "5",
    ]  # fmt: skip
    assert "did you mean 'electronic/systolic_int8'?" in err
    assert "did you mean 'weight_bits'?" in err
    assert err.endswith("5 faults found\n")


def test_one_fault_is_one(shelves, run):
    code, _, err = run("check", "spaces/none.yaml")
    assert code == 2
    assert err == (
        "spaces/none.yaml: found no readable file (no such file or directory), expected a YAML file\n1 fault found\n"
    )


def test_check_needs_a_file(shelves, run):
    assert run("check")[0] == 2


def test_faults_of_a_network_are_placed_in_its_file(shelves, run):
    text = SPACE.replace("[digits_mlp]", "[digits_mlp, empty]")
    (shelves / "spaces" / "s.yaml").write_text(text)
    (shelves / "models" / "empty.yaml").write_text("about: nothing\ntask: digits\ninput: [64]\noperators: []\n")
    code, _, err = run("check", "spaces/s.yaml")
    assert code == 2
    assert "models/empty.yaml:4: at 'operators' found a list, expected at least one entry" in err


@pytest.mark.parametrize("shelf", ["networks", "back-ends", "spaces", "studies", "trends", "simulators", "methods"])
def test_list_gives_one_name_a_line(run, monkeypatch, shelf):
    monkeypatch.chdir(ROOT)
    code, out, _ = run("list", shelf)
    assert code == 0
    assert all(re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)?", line) for line in out.splitlines())
    expected = {
        "networks": "digits_mlp", "back-ends": "electronic/systolic_int8", "spaces": "which_machine",
        "simulators": "systolic", "methods": "quantize", "studies": "gap_study", "trends": "networks",
    }  # fmt: skip
    assert expected[shelf] in out.splitlines()


def test_list_shows_every_path_of_a_back_end_and_which_may_be_searched(run, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, _ = run("list", "--paths", "electronic/systolic_int8")
    first, second = out.split("as the entry has them")
    assert code == 0 and "\n  array.rows: 32\n" in first and "cell.add_pj" not in first
    assert "\n  cell.add_pj: 0.1, derived, horowitz2014\n" in second
    assert re.search(r"\n  cell.clock_pj: \S+ \(\S+ to \S+\), assumed, ", second) and "\n  array.rows:" not in second
    assert "\n  host." in run("list", "--paths", "memristive/isaac")[1]
    code, _, err = run("list", "--paths", "isaac")
    assert code == 2 and "did you mean 'memristive/isaac'?" in err


def test_list_without_a_shelf_shows_all(shelves, run):
    code, out, _ = run("list")
    assert code == 0
    assert [line.partition(" (")[0] for line in out.splitlines() if not line.startswith(" ")] == [
        "networks", "back-ends", "spaces", "studies", "trends", "simulators", "methods",
    ]  # fmt: skip
    assert "spaces (0)\n  none\n" in out


def test_new_writes_a_question_that_passes(shelves, run):
    code, out, _ = run("new", "mine")
    assert code == 0
    assert out == "spaces/mine.yaml written; edit it, then run: joulescape check spaces/mine.yaml\n"
    first = (shelves / "spaces" / "mine.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../docs/schema/space.schema.json"
    assert run("check", "spaces/mine.yaml")[0] == 0


def test_new_never_overwrites(shelves, run):
    (shelves / "spaces" / "mine.yaml").write_text("precious\n")
    code, _, err = run("new", "mine")
    assert code == 2
    assert err.startswith("spaces/mine.yaml: found a file that exists already, expected a new name")
    assert (shelves / "spaces" / "mine.yaml").read_text() == "precious\n"


@pytest.mark.parametrize("name", ["../up", "Mine", "a b", "1st", ""])
def test_new_refuses_names_that_are_no_file_names(shelves, run, name):
    code, _, err = run("new", name)
    assert code == 2
    assert f"at 'NAME' found '{name}', expected lower-case letters, digits and _" in err
    assert list(shelves.rglob("spaces/*")) == []


def test_new_outside_a_project(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("new", "mine")
    assert code == 2
    assert "no folder hwlib/" in err


def test_schema_writes_and_checks(shelves, run):
    assert run("schema", "--write", "docs/schema")[0] == 0
    code, out, _ = run("schema", "--check")
    assert (code, out) == (0, "docs/schema: 5 schemas are in step with the code\n")
    (shelves / "docs" / "schema" / "space.schema.json").write_text("{}")
    code, _, err = run("schema", "--check")
    assert code == 2
    assert "docs/schema/space.schema.json: found an old schema" in err


def test_schema_prints(shelves, run):
    code, out, _ = run("schema")
    assert code == 0
    assert all(f'"{name}"' in out for name in schemas())


def test_the_guide_s_question_is_good(shelves):
    text = (ROOT / "docs" / "how_to_add_a_space.md").read_text()
    (question,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    (shelves / "spaces" / "guide.yaml").write_text(question)
    space = load_space(shelves / "spaces" / "guide.yaml")
    assert len(space.pairs) == 2
    assert space.hardware["electronic/systolic_int8"].variant_count == 2


def test_check_imports_nothing_heavy(shelves):
    (shelves / "spaces" / "s.yaml").write_text(SPACE)
    code = (
        "import sys, joulescape.cli.check_command as c; from pathlib import Path;"
        "c.check_command([Path('spaces/s.yaml')]);"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=shelves)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_limit_that_no_machine_meets_is_a_fault_with_the_least_of_each(shelves, run):
    limit = "constraints: {{area_mm2: {{at_most: {}}}}}\n"
    (shelves / "spaces" / "s.yaml").write_text(SPACE + limit.format(0.5))
    code, out, err = run("check", "spaces/s.yaml")
    assert (code, out) == (2, "")
    assert "at 'constraints' found digits_mlp@electronic/systolic_int8: area_mm2 must be at most 0.5, and" in err
    assert re.search(r"systolic_int8 has \d\.\d+ at the least .*expected one pair with a design that keeps them", err)
    two = SPACE.replace("electronic/systolic_int8]", "electronic/systolic_int8, photonic/mzi_mesh]")
    (shelves / "spaces" / "s.yaml").write_text(two + limit.format(5))
    code, out, err = run("check", "spaces/s.yaml")
    assert (code, err) == (0, "")
    assert "  note: digits_mlp@photonic/mzi_mesh: area_mm2 must be at most 5, and photonic/mzi_mesh has " in out
