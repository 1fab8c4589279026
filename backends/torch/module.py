"""A spec as an nn.Module whose parameters carry our names, so that state_dict, .to, hooks and optimisers work."""

import torch
from torch import nn

from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.precision import mixed
from tandemclip.core.spec import Run, Scope, Spec, initial_weights


class Branch(nn.Module):
    """A node of the tree of names. One of them may be called "training", which every nn.Module has as a flag too."""

    def __setattr__(self, name, value):
        if name == "training":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)


class Model(Branch):
    """model(spec)(*inputs) runs the spec's forward; `call` runs any other of its methods.

    Buffers that a training pass writes are stored by the call itself, as a torch module's are.
    """

    def __init__(self, spec: Spec, weights: dict | None = None, dtype=torch.float32, device="cpu"):
        super().__init__()
        self.spec, self.dtype = spec, dtype
        weights = initial_weights(spec, 0) if weights is None else weights
        make = lambda name: torch.as_tensor(weights[name], dtype=dtype, device=device).clone()
        for name, declared in spec.all_parameters():
            self._home(name).register_parameter(name.split(".")[-1], nn.Parameter(make(name), declared.trainable))
        for name, _ in spec.all_buffers():
            self._home(name).register_buffer(name.split(".")[-1], make(name))
        self.arrays = dict(self.named_parameters()) | dict(self.named_buffers())

    def _home(self, name):
        module = self
        for part in name.split(".")[:-1]:
            if part not in module._modules:
                module._modules[part] = Branch()  # add_module refuses a name that is an attribute
            module = module._modules[part]
        return module

    def _apply(self, function, recurse=True):  # .to and .cuda replace tensors: look them up again
        super()._apply(function, recurse)
        self.arrays = dict(self.named_parameters()) | dict(self.named_buffers())
        self.dtype = next(self.parameters()).dtype
        return self

    def scope(self, training: bool, watch=None, precision="fp32") -> Scope:
        """The spec bound to this module's tensors; its run holds the buffers that a pass writes."""
        ops = mixed(TorchOps(self.dtype, next(iter(self.arrays.values())).device), precision)
        return Scope(self.spec, Run(ops, self.arrays, training, watch=watch))

    def store(self, updates: dict) -> None:
        with torch.no_grad():
            for name, value in updates.items():
                self.arrays[name].copy_(value)

    def forward(self, *inputs):
        scope = self.scope(self.training)
        output = scope(*inputs)
        self.store(scope.run.updates)
        return output

    def call(self, method: str, *inputs):
        scope = self.scope(self.training)
        output = getattr(scope, method)(*inputs)
        self.store(scope.run.updates)
        return output
