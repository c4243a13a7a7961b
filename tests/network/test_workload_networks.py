"""Workload-only networks: parameters and multiply-accumulates are those of the originals, layer by layer where known.

Parameters: torchvision's documented counts; Caffe's AlexNet; timm's Inception-v4. Multiply-accumulates: exact sums of
layer shapes for AlexNet and VGG-16, and torchvision's documented giga-operations to their last digit.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[2]


def read(name: str) -> NetworkSpec:
    return NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text()))


def graph_of(name: str) -> Graph:
    return build_graph(name, read(name))


# name: parameters, multiply-accumulates, giga-operations as documented and their digits
COUNTS = {
    "alexnet": (61_100_840, 714_188_480, (0.71, 2)),
    "alexnet_grouped": (60_965_224, 724_406_816, (0.724, 3)),
    "vgg16": (138_357_544, 15_470_264_320, (15.47, 2)),
    "vgg19": (143_667_240, 19_632_062_464, (19.63, 2)),
    "googlenet": (6_624_904, 1_498_376_192, (1.5, 2)),
    "resnet18": (11_689_512, 1_814_073_344, (1.81, 2)),
    "resnet50": (25_557_032, 4_089_184_256, (4.09, 2)),
    "resnet152": (60_192_808, 11_513_626_624, (11.51, 2)),
    "inception_v3": (23_834_568, 5_713_216_096, (5.71, 2)),
    "inception_v4": (42_679_816, 12_253_974_624, (12.3, 1)),
    "mobilenet_v2": (3_504_872, 300_774_272, (0.3, 2)),
    "shufflenet": (1_865_728, 137_460_672, (0.137, 3)),
    "shufflenet_v2": (2_278_604, 144_907_992, (0.14, 2)),
    "tpu_mlp0": (20_010_000, 20_000_000, (0.02, 3)),
    "tpu_lstm0": (52_002_816, 52_002_816, (0.052, 3)),
    "tpu_cnn0": (8_044_545, 2_902_694_144, (2.9, 1)),
    "neuflow_filters": (6_416, 1_542_918_400, (1.54, 2)),
    "dct_blocks": (4_096, 3_211_264, (0.0032, 4)),
    "vgg16_svd": (50_189_096, 15_382_095_872, (15.38, 2)),
    "bert_base": (85_054_464, 11_173_625_856, (11.17, 2)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_original(name: str) -> None:
    parameters, macs, (documented, digits) = COUNTS[name]
    graph = graph_of(name)
    assert (graph.parameter_count, graph.macs) == (parameters, macs)
    assert round(graph.macs / 1e9, digits) == documented


def test_every_workload_on_the_shelf_is_counted_here() -> None:
    specs = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "models").glob("*.yaml")}
    shapes = {name for name, spec in specs.items() if "training" not in spec and "onnx" not in spec}
    assert shapes == set(COUNTS)
    assert all(read(name).is_workload for name in COUNTS) and not read("lenet5").is_workload


def _layers(name: str) -> dict[str, tuple[int, int]]:
    found = graph_of(name).matrix_operators
    return {o.name: (o.loops.macs, math.prod(o.weight_shape or ())) for o in found if o.loops is not None}


def test_vgg16_layer_by_layer() -> None:
    """Multiply-accumulates and weights of each layer as they are tabulated."""
    square = 1_849_688_064  # all convolutions behind the first of a stage, up to the fourth
    wanted = {
        "conv1_1": (86_704_128, 1_728), "conv1_2": (square, 36_864), "conv2_1": (square // 2, 73_728),
        "conv2_2": (square, 147_456), "conv3_1": (square // 2, 294_912), "conv3_2": (square, 589_824),
        "conv3_3": (square, 589_824), "conv4_1": (square // 2, 1_179_648), "conv4_2": (square, 2_359_296),
        "conv4_3": (square, 2_359_296), "conv5_1": (square // 4, 2_359_296), "conv5_2": (square // 4, 2_359_296),
        "conv5_3": (square // 4, 2_359_296), "fc6": (102_760_448, 102_760_448), "fc7": (16_777_216, 16_777_216),
        "fc8": (4_096_000, 4_096_000),
    }  # fmt: skip
    assert _layers("vgg16") == wanted
    assert sum(macs for name, (macs, _) in wanted.items() if name.startswith("conv")) == 15_346_630_656


def test_alexnet_in_two_towers_layer_by_layer() -> None:
    assert _layers("alexnet_grouped") == {
        "conv1": (105_415_200, 34_848), "conv2": (223_948_800, 307_200), "conv3": (149_520_384, 884_736),
        "conv4": (112_140_288, 663_552), "conv5": (74_760_192, 442_368), "fc6": (37_748_736, 37_748_736),
        "fc7": (16_777_216, 16_777_216), "fc8": (4_096_000, 4_096_000),
    }  # fmt: skip


def test_resnet50_has_the_stages_of_the_paper() -> None:
    graph = graph_of("resnet50")
    adds = [operator for operator in graph.operators if operator.kind == "add"]
    shapes = [operator.out_shape for operator in adds]
    wanted = [(256, 56, 56)] * 3 + [(512, 28, 28)] * 4 + [(1024, 14, 14)] * 6 + [(2048, 7, 7)] * 3
    assert shapes == wanted
    assert sum(o.kind == "conv" for o in graph.operators) == 53


def test_inceptions_end_in_the_widths_of_the_papers() -> None:
    for name, stages in {
        "googlenet": [(256, 28), (480, 28), (512, 14), (512, 14), (512, 14), (528, 14), (832, 14), (832, 7), (1024, 7)],
        "inception_v3": [(256, 35), (288, 35), (288, 35), *[(768, 17)] * 5, (1280, 8), (2048, 8), (2048, 8)],
        "inception_v4": [(160, 73), (192, 71), *[(384, 35)] * 5, *[(1024, 17)] * 8, *[(1536, 8)] * 4],
    }.items():
        joined = [o for o in graph_of(name).operators if o.kind == "concat" and not o.name.endswith("b2_concat")]
        found = [(o.out_shape[0], o.out_shape[1]) for o in joined if "b3_concat" not in o.name]
        assert found == stages, name


def test_bert_is_twelve_times_one_layer_by_formula() -> None:
    """A layer: four projections and two dense layers with biases, two normalisations; two products of activations."""
    width, inner, tokens, graph = 768, 3072, 128, graph_of("bert_base")
    weights = 4 * width**2 + 2 * width * inner
    assert graph.parameter_count == 12 * (weights + 4 * width + inner + width + 4 * width)
    assert graph.macs == 12 * (tokens * weights + 2 * tokens**2 * width)
    products = [o for o in graph.operators if o.kind == "matmul"]
    assert len(products) == 24 and all(o.loops is not None and o.loops.G == 12 for o in products)


def test_shufflenets_pointwise_convolutions_are_in_groups() -> None:
    """All but the first of the second stage, which reads 24 channels only; depthwise ones have a channel a group."""
    points = [o for o in graph_of("shufflenet").operators if o.kind == "conv" and o.window("kernel") == (1, 1)]
    groups = [o.attributes["groups"] for o in points]
    assert groups == [1, *[3] * 31]
    depth = [o for o in graph_of("mobilenet_v2").operators if o.kind == "conv" and o.attributes["groups"] != 1]
    assert len(depth) == 17 and all(o.attributes["groups"] == o.in_shapes[0][0] == o.out_shape[0] for o in depth)


@pytest.mark.parametrize("name", ["vgg16", "alexnet_grouped"])
def test_reported_states_add_up_to_the_published_totals(name: str) -> None:
    """Deep Compression prunes AlexNet 9 times and VGG-16 13 times."""
    spec, layers = read(name), _layers(name)
    assert spec.reported is not None and set(spec.reported.layers) == set(layers)
    kept = sum(layers[layer][1] * said.weight_density for layer, said in spec.reported.layers.items())
    total = sum(weights for _, weights in layers.values())
    assert round(total / kept) == {"vgg16": 13, "alexnet_grouped": 9}[name]
    assert f"{{{spec.reported.source}," in (ROOT / "hwlib" / "references.bib").read_text()
