"""What nodes do with what is sent to them: unpacked once, never run from a stranger's folder."""

from __future__ import annotations

import ast
import io
import os
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from joulescape.search import on_nodes
from joulescape.search.cache import Cache
from joulescape.search.on_nodes import CacheReader, NodeWorker, unpacked, versions


def shipment(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"code/{name}.py", text)
    return buffer.getvalue()


def test_it_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(on_nodes.__file__).read_text())
    imported = {alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names}
    imported |= {one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_workers_of_a_node_share_one_folder_a_content(tmp_path):
    first, second = shipment(a="x = 1"), shipment(a="x = 2")
    with ThreadPoolExecutor(8) as pool:
        roots = set(pool.map(lambda content: unpacked(content, tmp_path), [first, second] * 8))
    assert sorted((root / "code" / "a.py").read_text() for root in roots) == ["x = 1", "x = 2"]
    (home,) = tmp_path.iterdir()
    assert home.stat().st_mode & 0o777 == 0o700
    assert set(home.iterdir()) == roots, "who came second left its draft"
    assert len(roots) == 2


def test_a_folder_that_others_can_write_is_refused(tmp_path):
    home = tmp_path / f"joulescape-{os.getuid()}"
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(PermissionError, match="others may write there"):
        unpacked(shipment(), tmp_path)
    home.rmdir()
    home.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(PermissionError):
        unpacked(shipment(), tmp_path)


def test_versions_name_what_is_absent():
    found = versions(["numpy", "no-such-package"])
    assert found["numpy"] == version("numpy")
    assert found["no-such-package"] is None
    assert found["python"] == sys.version.split()[0]


def test_the_reader_gives_what_the_cache_holds_also_what_comes_later(tmp_path):
    path = tmp_path / "evaluations.sqlite"
    with Cache(path) as cache:
        cache.store([], [("a", b"1")])
        reader = CacheReader(str(path))
        assert (reader.read("a"), reader.read("b")) == (b"1", None)
        cache.store([], [("b", b"2")])
        assert reader.read("b") == b"2"


def test_a_worker_runs_the_code_that_was_sent_and_says_where_it_stands(tmp_path, monkeypatch):
    """The package of the shipment goes before any that is installed; here a stand-in for the part that judges."""
    monkeypatch.setattr(on_nodes, "_node", lambda: "far")
    monkeypatch.setattr(on_nodes.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    sent = "def judge_of(work, root, reader):\n    return lambda jobs: (work, root.name, reader, jobs)\n"
    monkeypatch.setitem(sys.modules, "joulescape.search.judging", None)
    monkeypatch.setattr(on_nodes.importlib, "import_module", lambda name: __import__("sent_code"))
    worker = NodeWorker()
    content = shipment(sent_code=sent)
    place = worker.prepare(b"\x80\x05K\x07.", content, ["numpy"], ("near", "the reader"))
    assert (place["node"], place["pid"], place["versions"]["numpy"]) == ("far", os.getpid(), version("numpy"))
    assert worker.judge([1, 2]) == (7, unpacked(content, tmp_path).name, "the reader", [1, 2])
    worker.prepare(b"\x80\x05K\x07.", content, [], ("far", "the reader"))
    assert worker.judge([])[2] is None
