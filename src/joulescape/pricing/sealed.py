"""Values that cannot be looked at: what is worked out in spite of one does not depend on it."""

from __future__ import annotations

from typing import Any


class Read(Exception):
    """Something looked at the sealed value of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} was looked at")


class Sealed:
    """Stands for a value that must not matter: compared, counted with, converted or hashed it raises `Read`.

    Only what it is (`is None`, `isinstance`) does not: no setting is told by its type alone.
    """

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _refuse(self, *_: object) -> Any:
        raise Read(object.__getattribute__(self, "_name"))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __abs__ = __round__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __int__ = __float__ = __index__ = __getattr__ = _refuse
    __len__ = __iter__ = __getitem__ = __contains__ = __str__ = __repr__ = __format__ = __array__ = _refuse
    __eq__ = __ne__ = __hash__ = _refuse
