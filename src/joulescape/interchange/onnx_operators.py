"""Each of our operators as ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from joulescape.interchange.onnx_file import OnnxError
from joulescape.interchange.onnx_foreign import unpacked
from joulescape.interchange.onnx_sheet import Sheet
from joulescape.network.operators import NORM_EPSILON, Operator

Inputs = list[str]
Constants = Mapping[str, str]
"""Names of an operator's constants by short name."""

Writer = Callable[[Sheet, Operator, Inputs, Constants, str], None]


def write_operator(sheet: Sheet, operator: Operator, inputs: Inputs, constants: Constants, output: str) -> str:
    """Add the operator's nodes; the name of its output. OnnxError where ONNX has none for it."""
    writer = WRITERS.get(operator.kind)
    if writer is None:
        raise OnnxError(f"operator '{operator.name}' ({operator.kind}) has no counterpart in ONNX")
    writer(sheet, operator, inputs, constants, output)
    return output


def _simple(kind: str, **attributes: object) -> Writer:
    def write(sheet: Sheet, _operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
        sheet.node(kind, inputs, output, **attributes)

    return write


def _conv(sheet: Sheet, operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    kernel, stride, padding = (operator.window(key) for key in ("kernel", "stride", "padding"))
    bias = [constants["bias"]] if "bias" in constants else []
    sheet.node(
        "Conv", [inputs[0], constants["weight"], *bias], output, kernel_shape=kernel, strides=stride,
        pads=(*padding, *padding), group=int(operator.attributes.get("groups", 1)),
    )  # fmt: skip


def _dense(sheet: Sheet, operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    bias = [constants["bias"]] if "bias" in constants else []
    if len(operator.in_shapes[0]) == 1:
        sheet.node("Gemm", [inputs[0], constants["weight"], *bias], output, transB=1)
        return
    turned = sheet.node("Transpose", [constants["weight"]], f"{output}.turned", perm=(1, 0))
    product = sheet.node("MatMul", [inputs[0], turned], f"{output}.product" if bias else output)
    if bias:
        sheet.node("Add", [product, *bias], output)


def _matmul(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    scale = operator.attributes.get("scale")
    product = sheet.node("MatMul", inputs, output if scale is None else f"{output}.product")
    if scale is not None:
        sheet.node("Mul", [product, sheet.constant(f"{output}.by", np.float32(scale))], output)


def _norm(sheet: Sheet, _operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    four = [constants[name] for name in ("weight", "bias", "mean", "variance")]
    sheet.node("BatchNormalization", [inputs[0], *four], output, epsilon=NORM_EPSILON)


def _layer_norm(sheet: Sheet, _operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    two = [constants["weight"], constants["bias"]]
    sheet.node("LayerNormalization", [inputs[0], *two], output, epsilon=NORM_EPSILON)


def _pool(kind: str) -> Writer:
    def write(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
        kernel, stride = (int(operator.attributes[key]) for key in ("kernel", "stride"))
        padding, is_up = int(operator.attributes.get("padding", 0)), bool(operator.attributes.get("ceil_mode", False))
        more = {"count_include_pad": 1} if kind == "AveragePool" else {}
        sheet.node(
            kind, inputs, output, kernel_shape=(kernel, kernel), strides=(stride, stride), pads=(padding,) * 4,
            ceil_mode=int(is_up), **more,
        )  # fmt: skip

    return write


def _global_avg_pool(sheet: Sheet, _operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    sheet.node("Flatten", [sheet.node("GlobalAveragePool", inputs, f"{output}.pooled")], output)


def _scale_offset(sheet: Sheet, _operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    is_last = "offset" not in constants
    scaled = sheet.node("Mul", [inputs[0], constants["scale"]], output if is_last else f"{output}.scaled")
    if not is_last:
        sheet.node("Add", [scaled, constants["offset"]], output)


def _relu6(sheet: Sheet, _operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    ends = [sheet.constant(f"{output}.{name}", np.float32(value)) for name, value in (("low", 0), ("high", 6))]
    sheet.node("Clip", [inputs[0], *ends], output)


def _slice(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    first = int(operator.attributes["first"])
    ends = {"starts": first, "ends": first + operator.out_shape[0], "axes": 1}
    places = [sheet.constant(f"{output}.{name}", np.array([value], np.int64)) for name, value in ends.items()]
    sheet.node("Slice", [inputs[0], *places], output)


def _position(sheet: Sheet, _operator: Operator, inputs: Inputs, constants: Constants, output: str) -> None:
    sheet.node("Add", [inputs[0], constants["weight"]], output)


def _mean_tokens(sheet: Sheet, _operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    axes = sheet.constant(f"{output}.axes", np.array([1], np.int64))
    sheet.node("ReduceMean", [inputs[0], axes], output, keepdims=0)


def _reshaped(sheet: Sheet, source: str, sizes: tuple[int, ...], output: str) -> str:
    """Any batch in front of `sizes`."""
    return sheet.node("Reshape", [source, sheet.constant(f"{output}.sizes", np.array((-1, *sizes)))], output)


def _patches(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    (channels, height, width), (down, across) = operator.in_shapes[0], operator.window("kernel")
    split = _reshaped(sheet, inputs[0], (channels, height // down, down, width // across, across), f"{output}.split")
    moved = sheet.node("Transpose", [split], f"{output}.moved", perm=(0, 2, 4, 1, 3, 5))
    _reshaped(sheet, moved, operator.out_shape, output)


def _split_heads(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    heads, tokens, features = operator.out_shape
    split = _reshaped(sheet, inputs[0], (tokens, heads, features), f"{output}.split")
    sheet.node("Transpose", [split], output, perm=(0, 2, 1, 3))


def _merge_heads(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    moved = sheet.node("Transpose", inputs, f"{output}.moved", perm=(0, 2, 1, 3))
    _reshaped(sheet, moved, operator.out_shape, output)


def _transpose(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    rank = len(operator.in_shapes[0]) + 1
    sheet.node("Transpose", inputs, output, perm=(*range(rank - 2), rank - 1, rank - 2))


def _channel_shuffle(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    (channels, height, width), groups = operator.out_shape, int(operator.attributes["groups"])
    split = _reshaped(sheet, inputs[0], (groups, channels // groups, height, width), f"{output}.split")
    moved = sheet.node("Transpose", [split], f"{output}.moved", perm=(0, 2, 1, 3, 4))
    _reshaped(sheet, moved, operator.out_shape, output)


def _local_response_norm(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    size = int(operator.attributes["kernel"])
    sheet.node("LRN", inputs, output, size=size, alpha=1e-4, beta=0.75, bias=1.0)


def _foreign(sheet: Sheet, operator: Operator, inputs: Inputs, _constants: Constants, output: str) -> None:
    """The node as it was, with its constants under names of their own."""
    import onnx

    graph = unpacked(str(operator.attributes["onnx"])).graph
    named = dict(zip((item.name for item in graph.input), inputs, strict=True))
    for item in graph.initializer:
        named[item.name] = sheet.constant(f"{output}.{item.name}", onnx.numpy_helper.to_array(item))
    (node,) = graph.node
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    sheet.node(node.op_type, [named.get(name, "") for name in node.input], output, **attributes)


WRITERS: Mapping[str, Writer] = {
    "conv": _conv, "dense": _dense, "matmul": _matmul, "relu": _simple("Relu"), "sigmoid": _simple("Sigmoid"),
    "softmax": _simple("Softmax", axis=-1), "max_pool": _pool("MaxPool"), "avg_pool": _pool("AveragePool"),
    "global_avg_pool": _global_avg_pool, "norm": _norm, "add": _simple("Sum"), "flatten": _simple("Flatten"),
    "scale_offset": _scale_offset, "relu6": _relu6, "concat": _simple("Concat", axis=1), "channel_slice": _slice,
    "channel_shuffle": _channel_shuffle, "local_response_norm": _local_response_norm, "layer_norm": _layer_norm,
    "gelu": _simple("Gelu", approximate="tanh"), "position": _position, "mean_tokens": _mean_tokens,
    "patches": _patches, "split_heads": _split_heads, "merge_heads": _merge_heads, "transpose": _transpose,
    "foreign": _foreign,
}  # fmt: skip
"""By kind of operator."""
