"""Encoder blocks of attention networks as a file writes them."""

from __future__ import annotations

from typing import Any

Written = dict[str, Any]


def encoder_block(name: str, source: str, width: int, heads: int, hidden: int) -> list[Written]:
    """One block with the normalisation after each sum (Devlin et al. 2019); it reads `source`, ends in `<name>_out`."""

    def dense(part: str, out: int, read: str) -> Written:
        return {"name": f"{name}_{part}", "kind": "dense", "out_features": out, "inputs": [read]}

    def then(part: str, kind: str, *read: str, **more: Any) -> Written:
        return {"name": f"{name}_{part}", "kind": kind, **({"inputs": list(read)} if read else {}), **more}

    n = f"{name}_"
    return [
        dense("q", width, source),
        then("qh", "split_heads", heads=heads),
        dense("k", width, source),
        then("kh", "split_heads", heads=heads),
        then("kt", "transpose"),
        dense("v", width, source),
        then("vh", "split_heads", heads=heads),
        then("scores", "matmul", n + "qh", n + "kt", scale=(width / heads) ** -0.5),
        then("weights", "softmax"),
        then("context", "matmul", n + "weights", n + "vh"),
        then("merged", "merge_heads"),
        dense("project", width, n + "merged"),
        then("sum1", "add", n + "project", source),
        then("norm1", "layer_norm"),
        dense("expand", hidden, n + "norm1"),
        then("gelu", "gelu"),
        dense("contract", width, n + "gelu"),
        then("sum2", "add", n + "contract", n + "norm1"),
        then("out", "layer_norm"),
    ]


def encoder(layers: int, width: int, heads: int, hidden: int) -> list[Written]:
    """A stack of blocks."""
    blocks: list[Written] = []
    for layer in range(layers):
        blocks += encoder_block(f"l{layer}", blocks[-1]["name"] if blocks else "input", width, heads, hidden)
    return blocks


BERT_BASE = {"layers": 12, "width": 768, "heads": 12, "hidden": 3072}
