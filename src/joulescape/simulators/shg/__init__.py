"""Physical back end: a trained second-harmonic bench."""

from joulescape.simulators.shg.model import Shg

plugin = Shg()
