"""Losses of the training schedules."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def merge_unknown_organs(log_probabilities: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Log-probabilities in which the organs that a sample's reference does not mark count as background.

    Args:
        log_probabilities: (batch, classes, rows, columns), class 0 is background.
        known: Boolean (batch, classes - 1): which organs the reference of each sample marks.
    """
    unknown = torch.cat([torch.zeros_like(known[:, :1]), ~known], 1)[:, :, None, None]
    background = torch.cat([torch.ones_like(known[:, :1]), ~known], 1)[:, :, None, None]
    merged = log_probabilities.masked_fill(~background, float("-inf")).logsumexp(1, keepdim=True)
    organs = log_probabilities.masked_fill(unknown, -30.0)[:, 1:]
    return torch.cat([merged, organs], 1)


def dice_and_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross entropy plus soft Dice loss over the organs, each pooled over the batch.

    Args:
        logits: (batch, classes, rows, columns).
        labels: int64 (batch, rows, columns).
        known: Boolean (batch, classes - 1): which organs the reference of each sample marks.
    """
    log_probabilities = merge_unknown_organs(F.log_softmax(logits.float(), 1), known)
    cross_entropy = F.nll_loss(log_probabilities, labels)
    probabilities = log_probabilities[:, 1:].exp() * known[:, :, None, None]
    target = F.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].float()
    overlap = 2 * (probabilities * target).sum((0, 2, 3))
    total = probabilities.sum((0, 2, 3)) + target.sum((0, 2, 3))
    return cross_entropy + (1 - (overlap + 1) / (total + 1)).mean()
