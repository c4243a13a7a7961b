"""Arithmetic of microring weight banks: rings set to weights, their tails, errors and drift, and the receivers' noise."""

from joulescape.numerics.ring_bank.arithmetic import RingBank

plugin = RingBank()
