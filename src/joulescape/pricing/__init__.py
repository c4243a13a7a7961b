"""From works to money: energy, latency, area and what follows from them. Torch-free.

`cost` prices one design in well under a second; `evaluation` uses the same functions on every variant of a sweep.
"""

from joulescape.pricing.design import CostReport, cost
from joulescape.pricing.metrics import Priced, metrics_of, price

__all__ = ["CostReport", "Priced", "cost", "metrics_of", "price"]
