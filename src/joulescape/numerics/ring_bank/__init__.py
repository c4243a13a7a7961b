"""Arithmetic of microring weight banks: rings set to weights, their tails, errors, drift, and receivers."""

from joulescape.numerics.ring_bank.arithmetic import RingBank

plugin = RingBank()
