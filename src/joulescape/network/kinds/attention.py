"""Kinds that attention networks are made of: tokens from images, heads, normalisation of tokens, smooth rectifiers.

A sequence is (tokens, features); several heads are (heads, tokens, features). Operations per output element:

- layer_norm 7: over the features of one token mean (1), variance (subtract, square, add: 3), one multiply by
  1 / deviation, scale and shift (2); a running mean cannot be folded into a layer before, as `norm`'s is;
- gelu 9: x sigmoid(2 u) with u = sqrt(2 / pi)(x + 0.044715 x^3), the form with tanh (Hendrycks and Gimpel 2016): four
  multiplications and additions for 2 u, four of the sigmoid, one product;
- position 1 (add a trained vector per token); mean_tokens tokens (tokens - 1 adds, one multiply);
- patches, split_heads, merge_heads and transpose only rename elements: the layer that reads them addresses them so.

Backward, per input element: layer_norm 11 (both parameter gradients 3, scale 1, mean(g) 1, mean(g x) 2, g - mean(g) -
x mean(g x) 3, 1 / deviation 1); gelu 8 (the derivative of 2 u 2, s (1 - s) 2, its product with x and 2 u' 2, s 1, g 1);
position 1 (its own gradient; the error passes); mean_tokens 1 (scale).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request


def _layer_norm(request: Request) -> Operator:
    """Each token to mean 0 and variance 1 over its features, then one trained scale and shift per feature."""
    shape = request.one_input((1, 2))
    return request.operator(shape, 7.0, weight_shape=shape[-1:], parameter_count=2 * shape[-1])


def _gelu(request: Request) -> Operator:
    return request.operator(request.one_input((1, 2, 3)), 9.0)


def _position(request: Request) -> Operator:
    shape = request.one_input((2,))
    return request.operator(shape, 1.0, weight_shape=shape, parameter_count=math.prod(shape))


def _mean_tokens(request: Request) -> Operator:
    tokens, features = request.one_input((2,))
    return request.operator((features,), float(tokens))


def _patches(request: Request) -> Operator:
    """(channels, height, width) -> one token a patch, row by row; its features are channel, row and column in order.

    A patch is `kernel` down and `kernel_x` across: `kernel: 1, kernel_x: <width>` makes every row a token.
    """
    channels, height, width = request.one_input((3,))
    down, across = request.pair("kernel")
    if height % down or width % across:
        raise request.fault(f"patches of {down} x {across} do not tile an image of {height} x {width}")
    return request.operator((height // down * (width // across), channels * down * across))


def _split_heads(request: Request) -> Operator:
    """(tokens, heads * features) -> (heads, tokens, features): head h has features h * f to (h + 1) * f - 1."""
    tokens, features = request.one_input((2,))
    heads = request.whole("heads")
    if features % heads:
        raise request.fault(f"{heads} heads do not divide {features} features")
    return request.operator((heads, tokens, features // heads))


def _merge_heads(request: Request) -> Operator:
    """(heads, tokens, features) -> (tokens, heads * features)."""
    heads, tokens, features = request.one_input((3,))
    return request.operator((tokens, heads * features))


def _transpose(request: Request) -> Operator:
    """The last two dimensions change places."""
    *first, rows, columns = request.one_input((2, 3))
    return request.operator((*first, columns, rows))


KINDS: Mapping[str, Kind] = {
    "layer_norm": Kind(_layer_norm, backward_ops_per_element=11.0),
    "gelu": Kind(_gelu, backward_ops_per_element=8.0, keeps_channels=True),
    "position": Kind(_position, backward_ops_per_element=1.0),
    "mean_tokens": Kind(_mean_tokens, backward_ops_per_element=1.0, sign="kept"),
    "patches": Kind(_patches, frozenset({"kernel", "kernel_x"}), sign="kept", is_free=True),
    "split_heads": Kind(_split_heads, frozenset({"heads"}), sign="kept", is_free=True),
    "merge_heads": Kind(_merge_heads, sign="kept", is_free=True),
    "transpose": Kind(_transpose, sign="kept", is_free=True),
}
"""Channels of token sequences are not removed: a normalisation mixes all features of a token."""
