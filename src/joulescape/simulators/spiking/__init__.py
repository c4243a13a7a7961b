"""Neurosynaptic cores: axons cross neurons, spikes between cores over a mesh, one tick after the other.

A network lies on the cores once and for all; what it costs follows from how many spikes its layers send, which is
measured on real samples (`accuracy.spiking`).
"""

from joulescape.simulators.spiking.simulator import Spiking

plugin = Spiking()
"""What the registry loads."""
