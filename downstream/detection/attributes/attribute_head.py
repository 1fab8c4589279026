"""The attributes of a region, given its category (bottom-up attention: Anderson et al. 2018, arXiv:1707.07998, section
3.1).
"""

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch.nn import functional as F

from tandemclip.core.errors import UserError


@MODELS.register_module()
class AttributeHead(BaseModule):
    """softmax(W relu(V [x, e(c)])) over `num_attributes` attributes and, last, "none".

    x: the region's feature. e: an embedding of the category c, the true one in training, the predicted one at test.
    in_channels: D, the length of x. embedding_channels, hidden_channels: of e and of the hidden layer. They and
    loss_weight are those of grid-feats-vqa's head (Jiang et al. 2020), which is the same.

    A phrase names the attributes of a probability of at least `threshold`, the `per_object` most probable ones at most.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_attributes: int,
        embedding_channels: int = 256,
        hidden_channels: int = 512,
        loss_weight: float = 0.2,
        threshold: float = 0.1,
        per_object: int = 2,
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        self.num_attributes, self.loss_weight = num_attributes, loss_weight
        self.threshold, self.per_object = threshold, per_object
        self.category = torch.nn.Embedding(num_classes, embedding_channels)
        self.hidden = torch.nn.Linear(in_channels + embedding_channels, hidden_channels)
        self.scores = torch.nn.Linear(hidden_channels, num_attributes + 1)
        torch.nn.init.normal_(self.category.weight, std=0.01)
        torch.nn.init.normal_(self.scores.weight, std=0.01)
        torch.nn.init.zeros_(self.scores.bias)

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """features [N, D], labels [N] of the categories -> logits [N, num_attributes + 1]"""
        return self.scores(F.relu(self.hidden(torch.cat([features, self.category(labels)], 1))))

    def probabilities(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """As `forward` -> [N, num_attributes]; what is missing to 1 is that of "none"."""
        return F.softmax(self(features, labels), 1)[:, :-1]

    def loss(self, features: torch.Tensor, labels: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy over the rows, times loss_weight; 0 with a gradient of 0 where there are no rows.

        attributes [N, num_attributes], 1 for each that the object has: it has an equal part of the target. An object
        without any has "none" for its target. Raises UserError where the data has another number of attributes.
        """
        if attributes.shape[1] != self.num_attributes:
            raise UserError(
                f"the data set has {attributes.shape[1]} attributes, and the model's attribute_head num_attributes="
                f"{self.num_attributes}; set the model's to that of the data"
            )
        none = attributes.sum(1, keepdim=True) == 0
        targets = torch.cat([attributes, none], 1).to(features)
        targets = targets / targets.sum(1, keepdim=True)
        losses = -(targets * F.log_softmax(self(features, labels), 1)).sum(1)
        return self.loss_weight * losses.sum() / max(len(losses), 1)

    def named(self, probabilities: torch.Tensor) -> list[list[int]]:
        """[N, num_attributes] -> for each row the numbers of the attributes that its phrase names, best first."""
        best, order = probabilities.topk(min(self.per_object, self.num_attributes), 1)
        return [
            [number for number, probability in zip(numbers, row) if probability >= self.threshold]
            for numbers, row in zip(order.tolist(), best.tolist())
        ]
