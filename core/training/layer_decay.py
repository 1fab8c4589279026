"""Rates that grow with the depth: what was learned first changes least (BEiT, Bao et al. 2021; MAE, He et al. 2022)."""

from tandemclip.core.spec import Spec
from tandemclip.core.towers.encoding import Tower


def layer_rates(spec: Spec, decay: float, prefix: str = "") -> dict[str, float]:
    """{dotted name: factor of the rate} of the parameters in towers: decay^(n + 1 - layer) with n blocks.

    A tower's stem has decay^(n + 1), its last block decay, and what stands behind the blocks 1 (`Tower.layer`). What
    lies in no tower is left out.
    """
    if isinstance(spec, Tower):
        last = spec.layer("")  # that of what stands behind the blocks
        return {prefix + name: decay ** (last - spec.layer(name)) for name, _ in spec.all_parameters()}
    return {
        name: rate
        for child, node in spec.nodes.items()
        for name, rate in layer_rates(node, decay, f"{prefix}{child}.").items()
    }
