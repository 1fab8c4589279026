"""A spec as a tree of nn.Modules whose parameters carry our names, so that state_dict, .to, hooks and optimisers
work.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.precision import mixed
from tandemclip.core.spec import Run, Scope, Spec, initial_weights

HELD = ("_parameters", "_buffers")  # what torch calls the tensors of a module
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Node(nn.Module):
    """A spec of the tree, or a part of a dotted name that is none. Its hooks fire whenever the spec runs.

    Called by itself it runs its spec, as part of the model that it belongs to:
    `model.get_submodule("image.blocks.0")(x)`.
    """

    def __init__(self, root: "Model | None", path: str):
        super().__init__()
        self.__dict__["_root"] = self if root is None else root  # no child: it would be found twice
        self._path = path
        self._forward_now = None  # what a pass through the whole model is about to run here

    def __setattr__(self, name, value):
        if name in self.__dict__:  # an attribute of the module itself, though a part of the spec may be called so
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def forward(self, *inputs):
        if self._forward_now is not None:
            return self._forward_now(*inputs)
        return self._root.run_node(self._path, inputs)


@dataclass
class HookedRun(Run):
    """A run that enters every node through the module that stands for it, for the sake of its hooks."""

    modules: dict[str, Node] = field(default_factory=dict)

    def visit(self, path, forward, inputs):
        module = self.modules.get(path)  # a way in by a method's name has none
        return super().visit(path, forward if module is None else partial(_through, module, forward), inputs)


def _through(module, forward, *inputs):
    module.__dict__["_forward_now"] = forward  # nn.Module's own way of setting costs more than the call
    try:
        return module(*inputs)
    finally:
        module.__dict__["_forward_now"] = None


class Model(Node):
    """model(spec)(*inputs) runs the spec's forward; `call` runs any other of its methods.

    Buffers that a training pass writes are stored by the call itself, as a torch module's are.
    """

    def __init__(self, spec: Spec, weights: dict | None = None, dtype=torch.float32, device="cpu"):
        super().__init__(None, "")
        self.spec, self._holders, self._by_path, self._hooks = spec, {}, {}, []
        weights = initial_weights(spec, 0) if weights is None else weights
        make = lambda name: torch.as_tensor(weights[name], dtype=dtype, device=device).clone()
        for name, declared in spec.all_parameters():
            self._home(name)._parameters[name.split(".")[-1]] = nn.Parameter(make(name), declared.trainable)
        for name, _ in spec.all_buffers():
            self._home(name)._buffers[name.split(".")[-1]] = make(name)
        self._grow(spec, "")
        self._look_up()

    def _look_up(self):
        modules = dict(self.named_modules())
        self._holders = {
            f"{path}.{name}".removeprefix("."): (module.__dict__[kind], name)
            for kind in HELD
            for path, module in modules.items()
            for name in module.__dict__[kind]
        }
        self._by_path = {path: module for path, module in modules.items() if path}
        # torch keeps a module's hooks in these for as long as it lives: looked at before every pass
        self._hooks = [module.__dict__[kind] for module in self._by_path.values() for kind in HOOKS]

    @property
    def arrays(self) -> dict[str, torch.Tensor]:
        """By dotted name, parameters in front of buffers, as the modules hold them at the moment.

        `.to`, `load_state_dict(assign=True)` and `torch.func.functional_call` put other tensors there.
        """
        return {name: held[own] for name, (held, own) in self._holders.items()}

    @property
    def dtype(self) -> torch.dtype:
        held, own = next(iter(self._holders.values()))
        return held[own].dtype

    def _grow(self, spec, prefix):
        """Modules of the specs that own no parameters."""
        for name, child in spec.nodes.items():
            self._home(f"{prefix}{name}.")
            self._grow(child, f"{prefix}{name}.")

    def _home(self, name):
        """The module that holds a tensor. What is there is put in by hand: torch's own ways in refuse a name that is an
        attribute, "type" for instance.
        """
        module, path = self, []
        for part in name.split(".")[:-1]:
            path.append(part)
            if part not in module._modules:
                module._modules[part] = Node(self, ".".join(path))
            module = module._modules[part]
        return module

    def scope(self, training, watch=None, precision="fp32", draws=None) -> Scope:
        """The spec bound to this module's tensors; its run holds the buffers that a pass writes. training: see Run."""
        arrays = self.arrays
        first = next(iter(arrays.values()))
        ops = mixed(TorchOps(first.dtype, first.device), precision)
        if any(self._hooks) or torch.nn.modules.module._has_any_global_hook():
            run = HookedRun(ops, arrays, training, watch=watch, draws=draws, modules=self._by_path)
        else:  # a call through a module without hooks does what a plain one does, and takes longer
            run = Run(ops, arrays, training, watch=watch, draws=draws)
        return Scope(self.spec, run)

    def store(self, updates: dict) -> None:
        if not updates:
            return
        arrays = self.arrays
        with torch.no_grad():
            for name, value in updates.items():
                arrays[name].copy_(value)

    def forward(self, *inputs):
        return self._and_store(lambda scope: scope(*inputs))

    def call(self, method: str, *inputs):
        return self._and_store(lambda scope: getattr(scope, method)(*inputs))

    def run_node(self, path: str, inputs: tuple):
        """A node by itself, whose own module is being called."""

        def run(scope):
            node = self._spec_at(path)
            scope = Scope(node, scope.run, path)
            return node.forward(scope.run.ops, scope, *inputs)

        return self._and_store(run)

    def _spec_at(self, path: str) -> Spec:
        spec, rest = self.spec, path
        while rest:
            name = next((n for n in spec.nodes if rest == n or rest.startswith(f"{n}.")), None)
            if name is None:
                raise TypeError(f"{path} is a part of names, and no node that can run: {list(spec.nodes)}")
            spec, rest = spec.nodes[name], rest[len(name) + 1 :]
        return spec

    def _and_store(self, run):
        scope = self.scope(self.training)
        output = run(scope)
        self.store(scope.run.updates)
        return output
