"""Arithmetic of interferometer meshes: every tile decomposed into phases, its errors drawn, its matrix rebuilt."""

from joulescape.numerics.mzi_mesh.arithmetic import MziMesh

plugin = MziMesh()
