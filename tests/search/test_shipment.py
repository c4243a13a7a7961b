"""What travels to a cluster is complete, the same each time, and works where nothing is installed."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import zipfile

import pytest
from search_fakes import make_space

from joulescape.errors import ResultsError
from joulescape.search import shipment
from joulescape.search.digests import code_digest, measured_version
from joulescape.search.shipment import packed

GUEST = """\
import sys
sys.path.insert(0, {root!r})
from importlib.metadata import entry_points
import guest_machine
from joulescape.accuracy.code import training_code
from joulescape.search.digests import code_digest, measured_version
assert {root!r} in guest_machine.__file__
print(code_digest(), measured_version(), training_code())
print([point.value for point in entry_points(group="joulescape.simulators")])
"""


@pytest.fixture
def space(tmp_path):
    folder = tmp_path / "results" / "networks"
    folder.mkdir(parents=True)
    for name in ("mlp.npz", "mlp.json", "lenet.npz", "lenet.json", "other.npz"):
        (folder / name).write_bytes(name.encode())
    return make_space(tmp_path)


def names(content):
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_the_code_whole_and_the_weights_of_the_question_travel(space):
    found = names(packed(space))
    weights = {name for name in found if name.startswith("project/")}
    assert weights == {
        f"project/results/networks/{name}" for name in ("mlp.npz", "mlp.json", "lenet.npz", "lenet.json")
    }
    assert {"code/joulescape/__init__.py", "code/joulescape/search/judging.py"} <= set(found)
    assert not any("__pycache__" in name for name in found)


def test_the_same_contents_are_the_same_bytes(space):
    first = packed(space)
    weights = space.root / "results" / "networks" / "mlp.npz"
    weights.touch()
    assert packed(space) == first
    weights.write_bytes(b"others")
    assert packed(space) != first


def test_digests_on_a_node_are_those_of_the_driver_and_guests_are_found(space, tmp_path, monkeypatch):
    """A guest of one module, installed beside the project; the node has neither."""
    (tmp_path / "guest_machine.py").write_text("plugin = None\n")
    info = tmp_path / "guest_machine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-machine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[joulescape.simulators]\nguest = guest_machine:plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    root = tmp_path / "node"
    with zipfile.ZipFile(io.BytesIO(packed(space))) as archive:
        archive.extractall(root)
    script = GUEST.format(root=str(root / "code"))
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "guest_machine:plugin" in done.stdout
    code_digest.cache_clear()
    assert done.stdout.split()[:2] == [code_digest(), measured_version()]
    monkeypatch.undo()
    code_digest.cache_clear()


def test_code_that_does_not_lie_in_files_is_refused(monkeypatch):
    monkeypatch.setattr(shipment, "_guest_modules", lambda: {"sys"})
    with pytest.raises(ResultsError, match="'sys' cannot be sent"):
        dict(shipment._code())
