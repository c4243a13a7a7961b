"""Photonic back end: banks of microrings that weigh wavelengths, detected in balance (broadcast and weight)."""

from joulescape.simulators.ring_bank.model import RingBank

plugin = RingBank()
