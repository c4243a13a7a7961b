"""Photonic back end: meshes of Mach-Zehnder interferometers with coherent detection."""

from joulescape.simulators.mzi_mesh.model import MziMesh

plugin = MziMesh()
