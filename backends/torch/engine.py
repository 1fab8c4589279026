"""Training on torch: gradients by autograd, the update on flat vectors that the module's parameters are views of."""

import time

import numpy as np
import torch

from tandemclip.backends.torch.module import Model
from tandemclip.core.spec import Notes
from tandemclip.core.training.engine import Backward
from tandemclip.core.training.update import groups, update_group


def best_device():
    return "cuda" if torch.cuda.is_available() else "cpu"


class Engine:
    """core.training.engine.Engine. dtype float64 makes it the judge of gradients."""

    name = "torch"

    def __init__(self, method, weights, rule, eager=False, dtype=torch.float32, device=None):
        # torch is eager here in any case: `eager` exists for engines that compile
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.method, self.rule, self.device = method, rule, torch.device(device or best_device())
        self.model = Model(method, weights, dtype, self.device)
        self.groups = groups(method, rule)
        self.vectors, self.first, self.second = [], [], []
        for group in self.groups:
            vector = torch.cat([self.model.arrays[name].detach().reshape(-1) for name in group.places])
            for name, (start, stop, shape) in group.places.items():
                self.model.arrays[name].data = vector[start:stop].view(shape)
            self.vectors.append(vector)
            self.first.append(torch.zeros_like(vector))
            self.second.append(torch.zeros_like(vector))

    @classmethod
    def float64(cls, method, weights, rule):
        """The judge of gradients, on the CPU."""
        return cls(method, weights, rule, dtype=torch.float64, device="cpu")

    # ---- training
    def _tensor(self, array):
        tensor = torch.as_tensor(array, device=self.device)
        return tensor.to(self.model.dtype) if tensor.is_floating_point() else tensor

    def _pass(self, batch, progress, watch=None):
        scope = self.model.scope(True, watch)
        return scope({k: self._tensor(v) for k, v in batch.items()}, self._tensor(np.float32(progress))), scope.run.updates

    def backward(self, batch, progress):
        terms, updates = self._pass(batch, progress)
        names = [name for group in self.groups for name in group.places]
        tensors = [self.model.arrays[name] for name in names]
        gradients = torch.autograd.grad(terms["loss"], tensors, allow_unused=True, materialize_grads=True)
        named = dict(zip(names, gradients))
        flat = [group.flatten(self._ops, named) for group in self.groups]
        values = torch.stack([*(t.detach().reshape(()) for t in terms.values()), _norm(flat)]).tolist()
        return Backward(dict(zip(terms, values)), values[-1], flat, updates)

    @property
    def _ops(self):
        return self.model.scope(True).run.ops

    @torch.no_grad()
    def update(self, backward, rates):
        squares = []
        for i, group in enumerate(self.groups):
            new, first, second, square = update_group(
                self._ops, self.rule, group, self.vectors[i], backward.gradients[i], self.first[i], self.second[i],
                rates.learning_rate, rates.correction1, rates.correction2, rates.factor,
            )  # fmt: skip
            self.vectors[i].copy_(new)  # in place: the parameters are views
            self.first[i], self.second[i] = first, second
            squares.append(square)
        self.model.store(backward.statistics)
        return torch.stack(squares).sum().sqrt().item()

    def named_gradients(self, backward):
        return self._named(backward.gradients)

    def with_gradients(self, gradients):
        flat = [group.flatten(self._ops, {n: self._tensor(gradients[n]) for n in group.places}) for group in self.groups]
        return Backward({}, _norm(flat).item(), flat, {})

    # ---- state
    def _named(self, vectors):
        return {
            name: array.detach().cpu().numpy().copy()
            for group, vector in zip(self.groups, vectors)
            for name, array in group.split(self._ops, vector).items()
        }

    def weights(self):
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.model.arrays.items()}

    def moments(self):
        first, second = self._named(self.first), self._named(self.second)
        return {f"first.{n}": a for n, a in first.items()} | {f"second.{n}": a for n, a in second.items()}

    @torch.no_grad()
    def load(self, weights, moments=None):
        for name, tensor in self.model.arrays.items():
            tensor.copy_(torch.as_tensor(weights[name]))
        for own, prefix in ((self.first, "first."), (self.second, "second.")):
            for i, group in enumerate(self.groups):
                for name, (start, stop, _) in group.places.items():
                    own[i][start:stop] = 0 if moments is None else torch.as_tensor(moments[prefix + name]).reshape(-1)

    # ---- looking
    @torch.no_grad()
    def _encode(self, method, array):
        scope = self.model.scope(False)
        return getattr(scope, method)(self._tensor(array)).cpu().numpy()

    def encode_image(self, images):
        return self._encode("encode_image", images)

    def encode_text(self, ids):
        return self._encode("encode_text", ids)

    @torch.no_grad()
    def observe(self, batch, progress):
        notes = Notes(torch.Tensor)
        self._pass(batch, progress, notes)
        return {path: [x.cpu().numpy() for x in seen] for path, seen in notes.nodes.items()}

    def prepare(self, batch):
        start = time.perf_counter()
        self.backward(batch, 0.0)  # allocates, and loads kernels on CUDA
        return time.perf_counter() - start


def _norm(vectors):
    return torch.stack([(v * v).sum() for v in vectors]).sum().sqrt()
