"""Machines that compute by letting a physical system evolve."""

from joulescape.simulators.evolution.model import Evolution

plugin = Evolution()
