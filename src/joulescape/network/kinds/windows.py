"""Kinds that slide a window over an image.

Operations per output element: max_pool kernel^2 - 1 (compares); avg_pool and global_avg_pool window (window - 1 adds,
one multiply; values that padding adds count). Backward per input element 1: max_pool routes, averages scale.
"""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request

_WINDOW = frozenset({"kernel", "stride", "padding", "ceil_mode"})


def positions(request: Request, size: int, kernel: int, stride: int) -> int:
    """Places of a window along one axis of `size` elements, padding included."""
    if kernel > size:
        raise request.fault(f"kernel {kernel} is larger than its input of {size} (padding included)")
    return (size - kernel) // stride + 1


def _pool(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    kernel = request.whole("kernel", 2)
    stride, padding = request.whole("stride", kernel), request.whole("padding", 0)
    if 2 * padding > kernel:
        raise request.fault(f"padding {padding} is more than half of the kernel of {kernel}")
    out_y, out_x = (_pooled(request, size, kernel, stride, padding) for size in (height, width))
    ops = kernel * kernel - (1.0 if request.kind == "max_pool" else 0.0)
    return request.operator((channels, out_y, out_x), ops, extra={"kernel": kernel, "stride": stride})


def _pooled(request: Request, size: int, kernel: int, stride: int, padding: int) -> int:
    """Places of a pooling window; with `ceil_mode` one more where elements are left, if it starts inside the image."""
    count = positions(request, size + 2 * padding, kernel, stride)
    rest = (size + 2 * padding - kernel) % stride
    is_more = bool(request.attributes.get("ceil_mode", False)) and rest > 0 and count * stride < size + padding
    return count + is_more


def _global_avg_pool(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    return request.operator((channels,), float(height * width))


KINDS: Mapping[str, Kind] = {
    "max_pool": Kind(_pool, _WINDOW, backward_ops_per_element=1.0, sign="kept", keeps_channels=True),
    "avg_pool": Kind(_pool, _WINDOW, backward_ops_per_element=1.0, sign="kept", keeps_channels=True),
    "global_avg_pool": Kind(_global_avg_pool, backward_ops_per_element=1.0, sign="kept", keeps_channels=True),
}
"""Pooling."""
