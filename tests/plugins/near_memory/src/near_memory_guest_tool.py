"""The outside program: reads one layer as JSON, takes its time, answers as JSON or fails."""

from __future__ import annotations

import json
import math
import sys
import time

ADDRESSABLE_BANKS = 32


def main() -> int:
    question = json.load(sys.stdin)
    if question["banks"] > ADDRESSABLE_BANKS:
        sys.stderr.write(f"bank address overflow: {question['banks']} banks, {ADDRESSABLE_BANKS} addressable")
        return 3
    time.sleep(0.02)
    lanes = question["banks"] * question["macs_per_bank"]
    cycles = math.ceil(question["macs"] / lanes)
    answer = {
        "latency_ns": cycles / question["clock_ghz"],
        "utilisation_fraction": question["macs"] / (lanes * cycles),
    }
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
