"""Published figures of the synthetic back ends, misses among them, and the references that they cite."""

from __future__ import annotations

import polars as pl

from joulescape import tables

SYSTOLIC = "electronic/systolic_int8"
SOURCES = {"electronic": "jouppi2017", "memristive": "shafiee2016", "photonic": "shen2017", "physical": "wright2022"}
REFERENCES: dict[str, dict[str, str]] = {
    key: {"ENTRYTYPE": kind, "ID": key, "author": author, "title": title, place: venue, "year": key[-4:]}
    for key, kind, author, title, place, venue in (
        ("jouppi2017", "inproceedings", "Jouppi, N. P. and others", "In-datacenter performance", "booktitle", "ISCA"),
        ("shafiee2016", "inproceedings", "Shafiee, Ali and others", "{ISAAC}: in-situ analog", "booktitle", "ISCA"),
        (
            "shen2017",
            "article",
            "Shen, Yichen and others",
            "Coherent nanophotonics",
            "journal",
            "Nat. Photonics",
        ),
        ("unused1999", "article", "Nobody", "Not used", "journal", "None"),
    )
}


def published_rows() -> pl.DataFrame:
    """One row a figure."""
    shared = {"expected": "pass", "kind": "quick", "where": "Table I"}
    listed = [
        ("memristive/isaac", "memristive", "chip_power_mw", None, "input", 65800.0, 65500.0, 0.3, "pass"),
        ("memristive/isaac", "memristive", "gops_per_mm2", None, "prediction", 479.0, 462.0, 0.2, "pass"),
        (SYSTOLIC, "electronic", "peak_tops", None, "prediction", 92.0, 91.8, 0.2, "pass"),
        (SYSTOLIC, "electronic", "inference_energy_pj", "digits_lenet", "prediction", 3.1e5, 2.2e5, 0.3, "pass"),
        (SYSTOLIC, "electronic", "accuracy_fraction", "digits_lenet", "prediction", 0.981, 0.979, 0.005, "pass"),
        ("photonic/mzi_mesh", "photonic", "inference_latency_ns", "digits_mlp", "calibration", 0.5, 0.6, 0.2, "pass"),
        ("photonic/mzi_mesh", "photonic", "laser_power_mw", None, "prediction", 12.0, 41.0, 0.3, "miss"),
        ("physical/shg", "physical", "accuracy_fraction", "shg_digits", "prediction", 0.93, 0.905, 0.005, "miss"),
    ]  # fmt: skip
    rows = []
    for name, family, what, workload, role, published, model, tolerance, expected in listed:
        error = model / published - 1
        rows.append(
            {**shared, "back_end": name, "family": family, "what": what, "workload": workload, "role": role,
             "published": published, "model": model, "error_fraction": error, "tolerance_fraction": tolerance,
             "pass": abs(error) <= tolerance, "expected": expected, "source": SOURCES[family],
             "reason": "the paper leaves out the coupling loss" if expected == "miss" else None}
        )  # fmt: skip
    return tables.make(rows, tables.PUBLISHED)
