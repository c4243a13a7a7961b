"""What speaks against a machine that leads: accuracy that it was measured to lose, a model that predicts nothing."""

from __future__ import annotations

import polars as pl

from joulescape.gap.findings import Tables
from joulescape.gap.states import UNCOMPRESSED


def losses(tables: Tables, back_end: str) -> dict[str, float]:
    """Measured network -> accuracy that the machine loses on it as trained."""
    mine = _measured(tables).filter(pl.col("back_end") == back_end)
    return dict(mine.select("network", "accuracy_loss_fraction").iter_rows())


def barred(tables: Tables) -> list[str]:
    """Machines that lose more than the study counts as none on some measured network, as trained."""
    over = _measured(tables).filter(pl.col("accuracy_loss_fraction") > pl.col("equal_within_fraction"))
    return over["back_end"].unique().sort().to_list()


def caveat(tables: Tables, back_end: str) -> str:
    """What a machine loses, and whether its model is validated; empty where nothing is known against it."""
    lost = [f"{100 * loss:.1f} points on {name}" for name, loss in losses(tables, back_end).items()]
    known = tables["machines"].filter(pl.col("back_end") == back_end)
    is_exact = "exact" in known["equivalence"].to_list()
    said = [f"loses {' and '.join(lost)} as trained"] if back_end in barred(tables) else []
    said += ["its accuracy is measured nowhere"] if not lost and not is_exact and known.height else []
    said += ["not validated"] if 0 in known["published_predictions_count"].to_list() else []
    return ", ".join(said)


def _measured(tables: Tables) -> pl.DataFrame:
    """Factors as trained whose loss is measured: they alone have a limit."""
    plain = tables["factors"].filter(
        (pl.col("compression") == UNCOMPRESSED) & pl.col("equal_within_fraction").is_not_null()
    )
    known = plain.drop_nulls("accuracy_loss_fraction")
    return known.unique(["back_end", "network"], keep="first", maintain_order=True)
