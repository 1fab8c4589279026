"""What a method costs, part by part: parameters, and floating-point operations in training and at inference."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.ops import symbols_in
from tandemclip.backends.recorder.record import Recording, record, record_features
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.method import AUXILIARY, Method
from tandemclip.core.towers.encoding import Tower

GROUP = AUXILIARY.rstrip(".")
FUNCTIONS = "method"  # the row of what the method's own functions compute, outside of any part


@dataclass(frozen=True)
class Cost:
    """training: FLOPs of one sample's forward, without the objective, which grows with the batch; a step is three times
    that. inference: FLOPs of one image, and of one text where the method has texts.
    """

    parameters: int = 0
    training: int = 0
    inference: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        sums = self.parameters + other.parameters, self.training + other.training, self.inference + other.inference
        return Cost(*sums)


def costs(method: Method) -> dict[str, dict[str, Cost]]:
    """{group: {part: cost}}. A group is a tower ("image", "text"), "auxiliary", which only training needs, or "", what
    else the method has. Parts of no parameters and no FLOPs are left out.
    """
    features = record_features(method, batch_arrays(training_views(method), 1))
    items = [(name, Cost(parameters=int(np.prod(parameter.shape)))) for name, parameter in method.all_parameters()]
    items += [(node, Cost(training=flops)) for node, flops in forward_flops(features).items()]
    for recording in inference(method):
        items += [(node, Cost(inference=flops)) for node, flops in forward_flops(recording).items()]
    order = [name for name, child in method.nodes.items() if isinstance(child, Tower)] + ["", GROUP]
    found = {group: {} for group in order}
    for name, cost in items:
        group, part = _place(method, name)
        if cost != Cost():
            found[group][part] = found[group].get(part, Cost()) + cost
    return {group: parts for group, parts in found.items() if parts}


def inference(method: Method) -> list[Recording]:
    """The programs that use the model: of one image, and of one text where the method has texts."""
    side = method.image.resolution
    arrays = {"image": ((1, 3, side, side), np.dtype(np.float32))}
    entry = "classify" if method.classes else "encode_image"
    programs = [record(method, arrays, False, lambda ops, p, inputs: {"": getattr(p, entry)(inputs["image"])})]
    if method.text is not None:
        ids = {"text": ((1, method.text.context_length), np.dtype(np.int32))}
        programs.append(record(method, ids, False, lambda ops, p, inputs: {"": p.encode_text(inputs["text"])}))
    return programs


def inference_parameters(method: Method) -> dict[str, int]:
    """{name: size} of those that inference reads."""
    read = {name for recording in inference(method) for name in recording.program.inputs}
    return {name: int(np.prod(item.shape)) for name, item in method.all_parameters() if name in read}


def forward_flops(recording: Recording) -> Counter[str]:
    """{node: FLOPs}, of calls that a value depends on.

    x - stop_gradient(x) is 0 whatever x is. What goes nowhere else is gradient work that a definition does early, as
    core/objectives/masked_language.py does. A step counts it with its backward, twice the forward.
    """
    calls, found = recording.program.calls, Counter()
    stopped = {c.outputs[0].name: c.arguments[0].name for c in calls if c.function == "stop_gradient"}
    taken, wanted = set(), {x.name for x in [*recording.outputs.values(), *recording.updates.values()]}
    for call in reversed(calls):
        outputs, inputs = {x.name for x in call.outputs}, [x.name for x in symbols_in(call.arguments)]
        if outputs & wanted or not outputs & taken:  # what no call takes is there for the host: costs of a choice
            found[call.node] += call.flops
            zero = call.function == "subtract" and len(inputs) == 2 and stopped.get(inputs[1]) == inputs[0]
            wanted.update(() if zero else inputs)
        taken.update(inputs)
    return found


def _place(method: Method, name: str) -> tuple[str, str]:
    """(group, part) of a parameter or a node."""
    child = next((child for child in method.nodes if f"{name}.".startswith(f"{child}.")), None)
    if name.startswith(AUXILIARY):
        return GROUP, child or name
    if child is None:
        return "", name if name in method.parameters() else FUNCTIONS
    spec = method.nodes[child]
    if isinstance(spec, Tower):
        return child, f"{child}.{spec.part(name[len(child) + 1 :] or 'forward')}"
    return "", child
