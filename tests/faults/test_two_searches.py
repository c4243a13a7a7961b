"""Two searches in one folder: the second says so at once; the kernel frees the lock of a killed one."""

from __future__ import annotations

from fault_project import command, joulescape, killed, project_in, remembered, wait_until

LONG = """\
question: Which array needs less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8]
fine_tune: {epochs: 4000}
compression:
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 2, population: 2, draws: 1, rungs: [tuned]}
"""


def test_the_second_of_two_searches_is_refused_and_a_killed_one_is_in_nobodys_way(tmp_path):
    project_in(tmp_path, LONG)
    lock = tmp_path / "results" / "tiny" / ".lock"
    with killed(*command("search", "spaces/tiny.yaml"), cwd=tmp_path) as first:
        assert wait_until(lock.exists)
        code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml")
        assert code == 2, text
        assert "another run works in" in text
        assert "results/tiny" in text
        assert first.poll() is None
    short = LONG.replace("epochs: 4000", "epochs: 0")
    (tmp_path / "spaces" / "tiny.yaml").write_text(short)
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert remembered(tmp_path) == 2
