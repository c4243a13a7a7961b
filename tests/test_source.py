"""The code behind a result: what is imported counts, and what an evaluation really loads is all in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.registry import GROUPS, builtin_names
from joulescape.search.digests import JUDGING
from joulescape.source import closure, code_of, versions

SRC = Path(__file__).resolve().parents[1] / "src"

FILES = {
    "__init__.py": "from joulescape.errors import Infeasible\n",
    "direct.py": "from guest_code import shared\nfrom guest_code.deep.inner import (\n    f,  # y\n    g,\n)\n",
    "shared.py": "from .relative import x\nfrom . import sibling\n",
    "relative.py": "import __future__\nif TYPE_CHECKING:\n    from guest_code.typed import T\n\nx = 1\n",
    "sibling.py": "def f():\n    from guest_code.lazy import late\n    import guest_code.later as l\n",
    "lazy.py": "",
    "later.py": "",
    "typed.py": "",
    "stranger.py": "",
    "deep/__init__.py": "from guest_code import stranger\n",
    "deep/inner.py": "from ..typed_not import nothing\nf = g = 1\n",
}


@pytest.fixture
def guest(tmp_path, monkeypatch):
    for name, text in FILES.items():
        path = tmp_path / "guest_code" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "guest_code"


def test_a_closure_follows_imports_of_every_form_and_leaves_types_and_parents_out(guest):
    found = {
        name.removeprefix("guest_code.") for name in closure("guest_code.direct") if name.startswith("guest_code.")
    }
    assert found == {"direct", "shared", "relative", "sibling", "lazy", "later", "deep.inner"}
    assert "joulescape.errors" in closure("guest_code.direct")  # `from guest_code import` takes the package's own file


@pytest.mark.parametrize("file", sorted(FILES))
def test_an_edit_makes_another_name_exactly_where_it_is_imported(guest, file):
    before = code_of("guest_code.direct")
    path = guest / file
    path.write_text(path.read_text() + "\n# edited\n")
    is_outside = file in ("typed.py", "stranger.py", "deep/__init__.py")
    assert (code_of("guest_code.direct") == before) == is_outside
    path.write_text(FILES[file])
    assert code_of("guest_code.direct") == before


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_guest"):
        code_of("no_such_guest")
    with pytest.raises(ModuleNotFoundError, match=r"joulescape\.accuracy\.nothing"):
        closure("joulescape.accuracy.nothing")


def test_a_module_of_one_file_may_be_asked_for(tmp_path, monkeypatch):
    (tmp_path / "lone_guest.py").write_text("import json\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert closure("lone_guest") == {"lone_guest": tmp_path / "lone_guest.py"}


ROOTS = ("joulescape.accuracy.measure", "joulescape.evaluation", "joulescape.numerics.crossbar", "joulescape.front")


@given(st.lists(st.sampled_from(ROOTS), min_size=1, max_size=3))
@settings(deadline=None, max_examples=20)
def test_a_closure_is_closed_and_the_union_of_its_parts(modules):
    found = closure(*modules)
    assert set(found) == {name for module in modules for name in closure(module)}
    assert set(closure(*found)) == set(found)
    assert code_of(*modules) == code_of(*reversed(modules), modules[0])


def test_a_kind_of_numerics_counts_with_what_it_takes_from_its_simulator():
    assert "joulescape.simulators.crossbar.rules" in closure("joulescape.numerics.crossbar")
    assert not [name for name in closure("joulescape.accuracy.measure") if name.startswith("joulescape.simulators")]


def test_versions_are_read_without_an_import():
    assert versions(["numpy", "no_such_package"])[1] == "no_such_package"
    assert versions(["numpy"])[0].startswith("numpy ")


SCRIPT = """
import json, sys
from pathlib import Path
from joulescape.resolve.design_space import load_space
from joulescape.evaluation import evaluate
from joulescape.search.fidelities import search_fidelity
space = load_space(Path(sys.argv[1]))
fidelity = search_fidelity(space.spec)
for pair in space.pairs:
    first = {p.name: p.domain.values()[0] for p in space.parameters(pair) if p.parent is None}
    evaluate(space.candidate({"pair": pair.name, **first}), space, fidelity, 0)
print(json.dumps(sorted(n for n, m in sys.modules.items() if n.startswith("joulescape") and getattr(m, "__file__", 0))))
"""
SPACE = """\
question: q
task: digits
networks: [digits_mlp, shg_digits]
back_ends: [electronic/systolic_int8, memristive/isaac, photonic/mzi_mesh, physical/shg]
compression:
  - prune: {granularity: channel, density: 0.8}
  - quantize: {weight_bits: {kind: int, low: 6, high: 8}, activation_bits: 8}
fine_tune: {epochs: 1}
training: {epochs: 1}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 1, samples: 20, draws: 1}
"""


def test_whatever_an_evaluation_loads_is_in_the_digests(tmp_path):
    """An import that the closure does not see would let an old result stand for a new one."""
    root = SRC.parent
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(root / shelf)
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "q.yaml").write_text(SPACE)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "spaces" / "q.yaml")], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    plugins = [f"{group}.{name}" for group in GROUPS for name in builtin_names(group)]
    known = set(closure(*JUDGING, *plugins))
    packages = {name for name in loaded if any(other.startswith(f"{name}.") for other in loaded)}
    search_only = {name for name in loaded if name.startswith("joulescape.search.")}
    assert {"joulescape.accuracy.own", "joulescape.numerics.shg.optics", "joulescape.compression.prune"} <= loaded
    assert loaded - known - packages - search_only == set()
