"""Training on torch: gradients by autograd, the update on flat vectors that the module's parameters are views of."""

from functools import cached_property

import numpy as np
import torch

from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.torch import devices
from tandemclip.backends.torch.memory import keep_freed_memory
from tandemclip.backends.torch.module import Model
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.backends.torch.ranks import join
from tandemclip.core.methods.features import CHOSEN, Elapsed, Features
from tandemclip.core.spec import Notes
from tandemclip.core.training.engine import Backward, Capabilities, Differentiated, Encoded, not_visited
from tandemclip.core.training.ranks import Alone
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import AVERAGE, update_group

IN_CACHE = 131_072  # elements: with some more or fewer an update takes up to twice as long


class Engine:
    """core.training.engine.Engine. dtype float64 makes it the judge of gradients."""

    name = "torch"
    capabilities = Capabilities(
        float64=True,
        compiles=False,
        fixed_shapes=False,
        keeps_graph=True,
        precisions=("fp32", "bf16", "fp16"),
        collectives=True,
    )

    def __init__(
        self, method, weights, rule, eager=False, ranks=Alone(), precision="fp32", tuning=Tuning(),
        dtype=torch.float32, device=None,
    ):  # fmt: skip
        # torch is eager here in any case: `eager` exists for engines that compile
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.method, self.rule, self.ranks, self.device = method, rule, ranks, torch.device(device or devices.device())
        self.precision = precision
        self.model = Model(method, weights, dtype, self.device)
        self.lay_out(tuning)

    def lay_out(self, tuning):
        self.groups, self.training = tuning.groups(self.method, self.rule), tuning.training(self.method)
        self.vectors, self._state, arrays = [], None, self.model.arrays
        for _, parameter in self.model.named_parameters():
            parameter.requires_grad_(False)
        for group in self.groups:
            vector = torch.cat([arrays[name].detach().reshape(-1) for name in group.places])
            for name, (start, stop, shape) in group.places.items():
                arrays[name].data = vector[start:stop].view(shape)
                arrays[name].requires_grad_(True)
            self.vectors.append(vector)

    @staticmethod
    def join():
        keep_freed_memory()
        return join()

    @classmethod
    def float64(cls, method, weights, rule, ranks=Alone(), tuning=Tuning()):
        """The judge of gradients, on the CPU."""
        return cls(method, weights, rule, ranks=ranks, tuning=tuning, dtype=torch.float64, device="cpu")

    @cached_property
    def views(self):
        return training_views(self.method)

    # ---- training
    def _tensor(self, array):
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            array = array.copy()  # of a file that is mapped, such as kept features: torch would warn
        tensor = torch.as_tensor(array)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()  # by all threads; CUDA itself copies pages that can move by one
        tensor = tensor.to(self.device, non_blocking=True)
        return tensor.to(self.model.dtype) if tensor.is_floating_point() else tensor

    def _tensors(self, arrays):
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _elapsed(self, elapsed):
        return Elapsed(*torch.tensor(elapsed, dtype=self.model.dtype, device=self.device).unbind())

    def _pass(self, batch, elapsed, watch=None):
        scope = self.model.scope(self.training, watch, self.precision)
        return scope(self._tensors(batch), self._elapsed(elapsed)), scope.run.updates

    def backward(self, batch, elapsed, scale=1.0):
        terms, statistics = self._pass(batch, elapsed)
        return self.collect(terms, self.flatten(self._gradients(terms["loss"] * scale)[0]), statistics, scale)

    def _gradients(self, outputs, cotangents=None, inputs=()):
        """{name: gradient} of the weights that the outputs use; then the gradients of `inputs`, zeros where unused."""
        names, arrays = [name for group in self.groups for name in group.places], self.model.arrays
        wanted = [*inputs, *(arrays[name] for name in names)]
        gradients = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True)
        weights = {name: x for name, x in zip(names, gradients[len(inputs) :]) if x is not None}
        return weights, [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, gradients)]

    def flatten(self, gradients):
        names, arrays = [name for group in self.groups for name in group.places], self.model.arrays
        unused = {name: torch.zeros_like(arrays[name]) for name in names if name not in gradients}
        return [group.flatten(self.ops, unused | gradients) for group in self.groups]

    def collect(self, terms, gradients, statistics, scale):
        values = torch.stack([*(term.detach().reshape(()) for term in terms.values()), _norm(gradients)]).tolist()
        return Backward(dict(zip(terms, values)), values[-1] / scale, gradients, statistics, scale)

    # ---- a batch in pieces
    def encode(self, piece, statistics, keep):
        inputs = self._tensors(piece)
        with torch.set_grad_enabled(keep):
            features, written = self._features(inputs, statistics)
        return Encoded(features, written, None if keep else (inputs, statistics))

    def _features(self, inputs, statistics):
        scope = self.model.scope(self.training, precision=self.precision)
        scope.run.updates.update(statistics)  # what the pieces before have written is read
        return scope.features(inputs), scope.run.updates

    def differentiate(self, features, elapsed, *, count, rows, statistics, scale):
        leaves = {name: x.detach().requires_grad_(_has_gradient(name, x)) for name, x in features.items()}
        scope = self.model.scope(self.training)
        scope.run.updates.update(statistics)
        terms = scope.loss(Features.of(leaves, count, rows), self._elapsed(elapsed))
        inputs = {name: x for name, x in leaves.items() if x.requires_grad}
        weights, gradients = self._gradients(terms["loss"] * scale, None, tuple(inputs.values()))
        terms = {name: term.detach() for name, term in terms.items()}
        return Differentiated(terms, weights, dict(zip(inputs, gradients)), scope.run.updates)

    def to_host(self, array):
        return array.detach().cpu().numpy()

    def pull_back(self, encoded, cotangents):
        features = encoded.features if encoded.again is None else self._features(*encoded.again)[0]
        outputs = {name: features[name] for name in cotangents if features[name].requires_grad}
        if not outputs:
            return {}
        return self._gradients(tuple(outputs.values()), tuple(cotangents[name] for name in outputs))[0]

    @property
    def ops(self):
        return TorchOps(self.model.dtype, self.device)

    def _remembered(self):
        """{name: vector} of each group, made at the first use: inference needs none."""
        if self._state is None:
            make = lambda name, vector: vector.clone() if name == AVERAGE else torch.zeros_like(vector)
            self._state = [
                {name: make(name, vector) for name in group.remembered(self.rule)}
                for group, vector in zip(self.groups, self.vectors)
            ]
        return self._state

    @torch.no_grad()
    def update(self, backward, rates):
        ops, squares = self.ops, []
        for group, vector, gradient, kept in zip(self.groups, self.vectors, backward.gradients, self._remembered()):
            for part in self._parts(group.size):
                state = {name: array[part] for name, array in kept.items()}
                new, changed, square = update_group(
                    ops, self.rule, group, vector[part], gradient[part], state, rate=rates.learning_rate, part=part,
                    corrections=rates.corrections(group), factor=rates.factor / backward.scale,
                )  # fmt: skip
                vector[part].copy_(new)  # in place: the parameters are views of the weights
                for name, array in state.items():
                    array.copy_(changed[name])
                squares.append(square)
        self.model.store(backward.statistics)
        return torch.stack(squares).sum().sqrt().item()

    def _parts(self, size):
        """A CPU's cache holds a part with all that the update makes of it: seven times faster than the whole at
        once.
        """
        step = IN_CACHE if self.device.type == "cpu" else size
        return [slice(start, min(start + step, size)) for start in range(0, size, step)]

    def named_gradients(self, backward):
        return {name: gradient / backward.scale for name, gradient in self._named(backward.gradients).items()}

    def with_gradients(self, gradients):
        return self.collect({}, self.flatten(self._tensors(gradients)), {}, 1.0)

    # ---- state
    def _named(self, vectors):
        return {
            name: array.detach().cpu().numpy().copy()
            for group, vector in zip(self.groups, vectors)
            for name, array in group.split(self.ops, vector).items()
        }

    def weights(self):
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.model.arrays.items()}

    def moments(self):
        state = self._remembered()
        kinds = {kind: self._named([each[kind] for each in state]) for kind in state[0]}
        return {f"{kind}.{name}": array for kind, named in kinds.items() for name, array in named.items()}

    @torch.no_grad()
    def load(self, weights, moments=None):
        for name, tensor in self.model.arrays.items():
            tensor.copy_(torch.as_tensor(weights[name]))
        self._state = None
        if moments is None:
            return
        for group, state in zip(self.groups, self._remembered()):
            for kind, vector in state.items():
                for name, (start, stop, _) in group.places.items():
                    vector[start:stop] = torch.as_tensor(moments[f"{kind}.{name}"]).reshape(-1)

    @torch.no_grad()
    def exchange_average(self):
        for vector, state in zip(self.vectors, self._remembered()):
            weights = vector.clone()
            vector.copy_(state[AVERAGE])
            state[AVERAGE].copy_(weights)

    # ---- looking
    @torch.no_grad()
    def apply(self, method, *arrays):
        scope = self.model.scope(False)
        return getattr(scope, method)(*map(self._tensor, arrays)).cpu().numpy()

    def encode_image(self, images):
        return self.apply("encode_image", images)

    def encode_text(self, ids):
        return self.apply("encode_text", ids[:, : self.method.text.length(ids)])

    @torch.no_grad()
    def observe(self, batch, elapsed):
        notes = Notes(torch.Tensor)
        self._pass(batch, elapsed, notes)
        return {path: [x.cpu().numpy() for x in seen] for path, seen in notes.nodes.items()}

    def node_gradients(self, method, arrays, nodes):
        arrays, seen = [self._tensor(array) for array in arrays], _Outputs(nodes)
        with torch.enable_grad():
            output = getattr(self.model.scope(False, seen), method)(*arrays)
            if missing := [node for node in nodes if node not in seen.found]:
                raise not_visited(missing[0], seen.visits)
            values = [seen.found[node] for node in nodes]
            gradients = torch.autograd.grad(output.sum(), values, allow_unused=True, materialize_grads=True)
        return {node: (self.to_host(x), self.to_host(g)) for node, x, g in zip(nodes, values, gradients)}

    def prepare_update(self, backward):
        """Nothing to compile."""


class _Outputs:
    """A watch that holds on to what some nodes give, each by its path and visit."""

    def __init__(self, nodes):
        self.wanted, self.visits, self.found = set(nodes), {}, {}

    def enter(self, path):
        pass

    def leave(self, path, output):
        if not isinstance(output, torch.Tensor):
            return
        visit = self.visits.get(path, 0)
        self.visits[path] = visit + 1
        if (path, visit) in self.wanted:
            self.found[path, visit] = output


def _has_gradient(name, x):
    return x.is_floating_point() and not name.startswith(CHOSEN)


def _norm(vectors):
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(v) for v in vectors]))
