"""Image sensors that convolve in the analog domain, before any converter: RedEye."""

from __future__ import annotations

from joulescape.simulators.analog_sensor.settings import AnalogSensorSettings
from joulescape.simulators.analog_sensor.simulator import AnalogSensor

plugin = AnalogSensor()

__all__ = ["AnalogSensor", "AnalogSensorSettings", "plugin"]
