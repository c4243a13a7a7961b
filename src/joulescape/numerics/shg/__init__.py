"""Second-harmonic generation as a trained layer: a shaped pulse, a crystal, a spectrometer."""

from joulescape.numerics.shg.layer import ShgLayer

plugin = ShgLayer()
