"""Costs by part: against torch's own counter, torchvision's published counts, and products counted by hand."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import MobileNet_V2_Weights, ResNet18_Weights, Swin_T_Weights

from tandemclip.backends.recorder.cost import Cost, costs, forward_flops, inference_parameters
from tandemclip.backends.recorder.record import record
from tandemclip.backends.torch.module import Model
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.config.build import build
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.objectives.masked_language import masked_language
from tandemclip.core.spec import Constant, Parameter, Run, Scope, Spec, count_parameters, initial_weights
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.text_embedding import TextEmbedding
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training.config import read
from tandemclip.tests.core.towers.test_protocol import IMAGE, TEXT

SMALL = {"vocab_size": 11, "context_length": 7, "width": 8, "layers": 4, "heads": 2}
PUBLISHED = {  # billions of multiply-adds of the whole network at 224, classifier included
    "resnet18": ResNet18_Weights.IMAGENET1K_V1.meta["_ops"],
    "mobilenet_v2": MobileNet_V2_Weights.IMAGENET1K_V1.meta["_ops"],
    "swin_t": Swin_T_Weights.IMAGENET1K_V1.meta["_ops"],
}
ROUNDED = 0.0005e9  # they have three decimals


def beside_text(image):
    return CLIP(image, TextTransformer(**SMALL, embed_dim=image.embed_dim))


def total(parts) -> Cost:
    return sum(parts.values(), Cost())


# ------------------------------------------------------------------ towers
def counted_by_torch(tower, inputs):
    model = Model(tower, initial_weights(tower, 0), torch.float32)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # it does not count the fused kernel
        model.scope(False)(inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("name", IMAGE)
def test_the_parts_of_an_image_tower_add_up(name):
    image = IMAGE[name]
    cost = total(costs(beside_text(image))["image"])
    flops = counted_by_torch(image, torch.zeros(1, 3, image.resolution, image.resolution))
    assert cost == Cost(count_parameters(image), flops, flops) and flops > 0


@pytest.mark.parametrize("name", TEXT)
def test_the_parts_of_a_text_tower_add_up(name):
    text = TEXT[name]
    cost = total(costs(CLIP(IMAGE["vit"], text))["text"])
    flops = counted_by_torch(text, torch.zeros(1, text.context_length, dtype=torch.int32))
    assert cost == Cost(count_parameters(text), flops, flops) and flops > 0


STAGES = [f"stages.{i}" for i in range(4)]
PARTS = {
    "vit": ["stem", *STAGES, "output_norm", "projection"],
    "plain": ["stem", *STAGES, "output_norm", "projection"],
    "leff": ["stem", *STAGES, "output_norm", "projection"],
    "modified_resnet": ["stem", *STAGES, "pool"],
    "pooled_and_projected": ["stem", *STAGES, "pool", "projection"],
    "swin": ["stem", *STAGES[:2], "output_norm", "projection"],
    "resnet": ["stem", *STAGES[:2], "projection"],
    "basic_resnet": ["stem", *STAGES, "pool"],
    "mobilenet": ["stem", *STAGES, "pool"],
}


def test_every_tower_has_a_row_a_stage():
    other_stem = {"basic_resnet": replace(IMAGE["basic_resnet"], stem="torchvision")}
    for name, image in [*IMAGE.items(), *other_stem.items()]:
        assert list(costs(beside_text(image))["image"]) == [f"image.{part}" for part in PARTS[name]], name
    for name, text in TEXT.items():
        norm = [] if name.startswith("bert") else ["output_norm"]  # each of its blocks ends with one
        parts = ["stem", *STAGES, *norm, "projection"]
        assert list(costs(CLIP(IMAGE["vit"], text))["text"]) == [f"text.{part}" for part in parts], name


def test_equal_parts_of_the_blocks_cost_the_same():
    parts = costs(CLIP(IMAGE["vit"], TEXT["max"]))["text"]  # 8 blocks
    assert len({parts[f"text.{stage}"] for stage in STAGES}) == 1
    assert parts["text.stages.0"].parameters == 2 * (12 * 8**2 + 13 * 8)


def test_blocks_that_do_not_divide_are_one_part():
    text = TextTransformer(**SMALL | {"layers": 3}, embed_dim=6)
    assert list(costs(CLIP(IMAGE["vit"], text))["text"]) == [
        f"text.{part}" for part in ("stem", "blocks", "output_norm", "projection")
    ]


def test_a_tower_without_parts():
    parts = costs(CLIP(IMAGE["vit"], TextEmbedding(11, 6)))["text"]
    assert parts == {"text.tokens": Cost(parameters=66)}


def test_merging_belongs_to_the_stage_behind_it():
    parts, width, inner = costs(beside_text(IMAGE["swin"]))["image"], 4, 12
    bias = {4: 1 * 7**2, 8: 2 * 7**2}  # heads, windows of 4
    block = lambda c: inner * c**2 + 13 * c + bias[c]
    assert parts["image.stages.0"].parameters == block(width)
    assert parts["image.stages.1"].parameters == 2 * block(2 * width) + (4 * width) * (2 * width) + 2 * 4 * width


# ------------------------------------------------------------------ published counts
def multiply_adds(name):
    parts = costs(beside_text(build(ImageTower, name)))["image"]
    assert all(cost.training == cost.inference for cost in parts.values())
    return {part.removeprefix("image."): cost.inference / 2 for part, cost in parts.items()}


def attention_pool(width, heads_width, outputs, places=49):
    """One query, the mean; `places` + 1 keys."""
    return width**2 * (1 + 2 * (places + 1)) + 2 * (places + 1) * heads_width + width * outputs


def test_resnet18():
    found = multiply_adds("LightCLIP-ResNet18")
    theirs = 64 * 3 * 7**2 * 112**2, 512 * 1000  # its first convolution and its classifier
    stages = sum(found[stage] for stage in STAGES)
    assert stages == pytest.approx(1e9 * PUBLISHED["resnet18"] - sum(theirs), abs=ROUNDED)
    assert found["stages.0"] == 4 * 9 * 64**2 * 56**2
    assert found["stages.3"] == (9 * 256 * 512 + 3 * 9 * 512**2 + 256 * 512) * 7**2
    assert found["stem"] == 9 * (3 * 32 + 32 * 32 + 32 * 64) * 112**2
    assert found["pool"] == attention_pool(512, 512, 1024)


def test_mobilenet_v2():
    found = multiply_adds("LightCLIP-MobileNet-V2")
    theirs = 320 * 1280 * 7**2 + 1280 * 1000  # its last convolution and its classifier
    trunk = sum(found[stage] for stage in ["stem", *STAGES])
    assert trunk == pytest.approx(1e9 * PUBLISHED["mobilenet_v2"] - theirs, abs=ROUNDED)
    assert found["stem"] == 9 * 3 * 32 * 112**2
    assert found["pool"] == attention_pool(320, 320, 1024)


def test_swin_t():
    found = multiply_adds("LightCLIP-Swin-T")
    trunk = sum(found[stage] for stage in ["stem", *STAGES])
    assert trunk == pytest.approx(1e9 * PUBLISHED["swin_t"] - 768 * 1000, abs=ROUNDED)
    assert found["stem"] == 4 * 4 * 3 * 96 * 56**2
    for i, (depth, side) in enumerate(zip((2, 2, 6, 2), (56, 28, 14, 7))):
        width, places = 96 * 2**i, side**2
        merging = places * (2 * width) * width if i else 0  # of four places' half as wide
        assert found[f"stages.{i}"] == depth * places * (12 * width**2 + 2 * 7**2 * width) + merging
    assert found["projection"] == 768 * 512


# ------------------------------------------------------------------ methods
AUXILIARY = {
    "tiny_multi_task_swin": ["classifier"],
    "tiny_supcon_swin": ["hidden", "output"],
    "tiny_lightclip_resnet": ["mask", "image_tokens", "text_tokens", "fusion", "words", "fused_words"],
    "tiny_lightclip_mobilenet": ["mask", "image_tokens", "text_tokens", "fusion", "words", "fused_words"],
    "tiny_lightclip_swin": ["mask", "image_tokens", "text_tokens", "fusion", "words", "fused_words"],
}


@pytest.mark.parametrize("name, own", AUXILIARY.items())
def test_inference_is_the_towers_and_nothing_auxiliary(root, name, own):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    groups, used = costs(method), inference_parameters(method)
    assert list(groups["auxiliary"]) == [f"auxiliary.{part}" for part in own]
    assert all(cost.inference == 0 for cost in groups["auxiliary"].values()) and total(groups["auxiliary"]).training
    towers = {name for name, _ in method.all_parameters() if name.startswith(("image.", "text."))}
    assert used.keys() == towers
    assert sum(used.values()) == sum(total(groups[group]).parameters for group in groups if group in ("image", "text"))
    parameters = sum(total(parts).parameters for parts in groups.values())
    assert parameters == count_parameters(method) > sum(used.values())


def test_lightclip_counts_the_costs_of_its_matching_and_its_words_once(root):
    method = read(root / "configs" / "pretrain" / "tiny_lightclip_resnet.yaml")[0].method
    image, text, groups = method.image, method.text, costs(method)
    count = method.views()["text"].arrays()["_places"][0][0]
    classified = 2 * count * text.vocab_size * (text.width + 2 * text.width)  # of the text, and of two fused stages
    matched = 2 * (image.resolution // 32) ** 2 * text.context_length * image.embed_dim
    assert groups[""]["method"] == Cost(training=classified + matched)
    assert total(groups["text"]).training > total(groups["text"]).inference  # the masked text too
    assert total(groups["image"]).training == total(groups["image"]).inference


def test_views_of_one_sample_are_counted_in_training_alone(root):
    method = read(root / "configs" / "pretrain" / "tiny_supcon_swin.yaml")[0].method
    image = total(costs(method)["image"])
    assert image.training == 2 * image.inference


def test_a_method_that_classifies_is_used_by_it(root):
    method = read(root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml")[0].method
    assert costs(method)[""] == {"bias": Cost(parameters=10)} and "bias" in inference_parameters(method)


def test_what_a_method_computes_by_itself_has_a_row():
    @dataclass(frozen=True)
    class Own(CLIP):
        def encode_image(self, ops, p, images):
            u = super().encode_image(ops, p, images)
            return ops.matmul(u, ops.transpose(u, (1, 0)))

    method = Own(IMAGE["vit"], TEXT["end"])
    assert costs(method)[""] == {"logit_scale": Cost(parameters=1), "method": Cost(inference=2 * 6)}


def test_what_a_tower_computes_by_itself_has_a_row():
    @dataclass(frozen=True)
    class Own(TextEmbedding):
        def read_embedding(self, ops, p, seen):
            return ops.matmul(seen.last, p["tokens"][: self.embed_dim])

    parts = costs(CLIP(IMAGE["vit"], Own(11, 6)))["text"]
    assert parts == {"text.tokens": Cost(parameters=66), "text.forward": Cost(0, 2 * 6 * 6, 2 * 6 * 6)}


# ------------------------------------------------------------------ gradient work in the forward
BATCH, LENGTH, INPUTS, WIDTH, WORDS, COUNT = 3, 6, 4, 5, 9, 2
SHAPES = {"x": (BATCH, LENGTH, INPUTS), "places": (BATCH, COUNT), "targets": (BATCH, COUNT), "chosen": (BATCH, COUNT)}
INTEGERS = ("places", "targets")


@dataclass(frozen=True)
class Masked(Spec):
    chunk: int

    def children(self):
        return {"tower": Linear(INPUTS, WIDTH)}

    def parameters(self):
        return {"weight": Parameter((WORDS, WIDTH), Constant(0.1)), "bias": Parameter((WORDS,), Constant(0.0))}

    def forward(self, ops, p, x, places, targets, chosen):
        given = p.tower(x), places, targets, chosen, p["weight"], p["bias"]
        return masked_language(ops, *given, chunk=self.chunk)[0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("chunk", [1024, 4, 1])
def test_the_gradient_of_masked_words_is_no_forward(chunk, precision):
    arrays = {name: (shape, "int32" if name in INTEGERS else "float32") for name, shape in SHAPES.items()}
    recording = record(Masked(chunk), arrays, True, lambda ops, p, s: {"": p(*s.values())}, precision)
    tower, classifier = 2 * BATCH * LENGTH * INPUTS * WIDTH, 2 * BATCH * COUNT * WIDTH * WORDS
    assert +forward_flops(recording) == {"tower": tower, "": classifier}
    assert sum(call.flops for call in recording.program.calls) == tower + 3 * classifier  # what there would be


@pytest.mark.parametrize("chunk", [1024, 4])
def test_a_step_is_three_forwards(chunk):
    """Torch's counter of a whole step, with the gradient of the input, is three times the count of the forward."""
    spec = Masked(chunk)
    arrays = {name: (shape, "int32" if name in INTEGERS else "float32") for name, shape in SHAPES.items()}
    recording = record(spec, arrays, True, lambda ops, p, s: {"": p(*s.values())})
    weights = {n: torch.from_numpy(w).requires_grad_() for n, w in initial_weights(spec, 0).items()}
    given = [torch.zeros(shape, dtype=torch.int32 if n in INTEGERS else torch.float32) for n, shape in SHAPES.items()]
    given[0].requires_grad_()
    with FlopCounterMode(display=False) as counter:
        Scope(spec, Run(TorchOps(torch.float32, "cpu"), weights, True))(*given).backward()
    assert counter.get_total_flops() == 3 * forward_flops(recording).total()


def flops_of(function):
    """In products of 4 x 4; function(ops, x, y) -> outputs."""
    inputs = {name: ((4, 4), "float32") for name in "xy"}
    recording = record(Masked(1), inputs, True, lambda ops, p, s: function(ops, s["x"], s["y"]))
    return forward_flops(recording).total() / (2 * 4**3)


def test_only_what_is_always_zero_counts_nothing():
    def twice(ops, x, y):  # straight through: both are computed, neither for its gradient alone
        soft, hard = ops.matmul(x, y), ops.matmul(y, x)
        return {"": soft + ops.stop_gradient(hard - soft)}

    def zero(ops, x, y):
        soft = ops.matmul(x, y)
        return {"": x + (soft - ops.stop_gradient(soft))}

    def zero_and_wanted(ops, x, y):
        soft = ops.matmul(x, y)
        return {"": ops.relu(soft) + (soft - ops.stop_gradient(soft))}

    def zero_and_given(ops, x, y):
        soft = ops.matmul(x, y)
        return {"": x + (soft - ops.stop_gradient(soft)), "soft": soft}

    def other_way(ops, x, y):
        soft = ops.matmul(x, y)
        return {"": x + (ops.stop_gradient(soft) - soft)}

    def stopped_of_another(ops, x, y):
        return {"": ops.matmul(x, y) - ops.stop_gradient(ops.matmul(y, x))}

    def doubled(ops, x, y):
        soft = ops.matmul(x, y)
        return {"": soft + ops.stop_gradient(soft)}

    found = {f.__name__: flops_of(f) for f in (twice, zero, zero_and_wanted, zero_and_given, stopped_of_another)}
    assert found == {"twice": 2, "zero": 0, "zero_and_wanted": 1, "zero_and_given": 1, "stopped_of_another": 2}
    assert flops_of(doubled) == 1
    assert flops_of(other_way) == 1  # a gradient turned round: no definition does so


def test_what_only_the_host_reads_counts():
    """Such as the costs of a choice, which no loss depends on."""

    def costs_of_a_choice(ops, x, y):
        ops.stop_gradient(ops.matmul(x, y))
        return {"": ops.matmul(y, x)}

    assert flops_of(costs_of_a_choice) == 2


@pytest.mark.parametrize("several", [list, tuple])
def test_several_arrays_in_one_argument(several):
    def zero(ops, x, y):
        both = ops.concat(several((ops.matmul(x, y), y)), 0)
        return {"": both - ops.stop_gradient(both)}

    assert flops_of(zero) == 0


def test_a_written_buffer_counts():
    @dataclass(frozen=True)
    class Writes(Spec):
        def forward(self, ops, p, x):
            p.update("buffer", ops.matmul(x, x))
            read = p["buffer"]
            return x + (read - ops.stop_gradient(read))

    recording = record(Writes(), {"x": ((4, 4), "float32")}, True, lambda ops, p, s: {"": p(s["x"])})
    assert forward_flops(recording) == {"": 2 * 4**3}
