"""Regions of a picture, as a detector gives them."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError

OBJECTS = 10  # the most confident objects of a picture, as PyramidCLIP takes them (section 3.2)


@dataclass(frozen=True)
class RoiView(View):
    """The features of the `count` most confident regions and where they are.

    "": [count, dim + 4] float32, feature and x1, y1, x2, y2 in 0..1; "_mask": [count] float32, 1 for a region, 0 for
    the zeros that fill up. Objects without a feature are no regions.
    """

    dim: int
    count: int = OBJECTS

    def arrays(self):
        return {
            "": ((self.count, self.dim + 4), np.dtype(np.float32)),
            "_mask": ((self.count,), np.dtype(np.float32)),
        }

    def __call__(self, record, rng, tokenizer):
        rois, mask = (np.zeros(shape, dtype) for shape, dtype in self.arrays().values())
        regions = [thing for thing in record.strongest_objects(len(record.objects)) if thing.feature is not None]
        for row, region in enumerate(regions[: self.count]):
            if region.feature.shape != (self.dim,):
                raise UserError(
                    f"{record.key}: a region's feature has shape {list(region.feature.shape)}, but the method expects "
                    f"[{self.dim}]; set the method's ROI dimension to that of the data"
                )
            rois[row, : self.dim] = region.feature
            rois[row, self.dim :] = region.box
            mask[row] = 1
        return {"": rois, "_mask": mask}
