"""Losses of the training schedules.

Sums over a batch run over all processes of a run (see `distributed`), so that several processes learn what one learns.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from LiverAILib.networks.corn import conditional_terms
from LiverAILib.training.distributed import all_reduce_sum


def cross_entropy(scores: torch.Tensor, labels: torch.Tensor, *, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Cross entropy of class scores (batch, classes); with class `weights` (classes,) the weighted mean, as in torch."""
    each = F.cross_entropy(scores, labels, reduction="none")
    return weighted_mean(each, torch.ones_like(each) if weights is None else weights[labels])


def corn_loss(logits: torch.Tensor, labels: torch.Tensor, *, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Mean cross entropy over the conditional tasks and their training subsets (Shi, Cao, Raschka 2023; see `corn`).

    Args:
        logits: Conditional logits (batch, classes - 1).
        labels: int64 (batch,).
        weights: Class weights (classes,), a departure from the paper.
    """
    terms, members = conditional_terms(logits, labels)
    counted = members.to(terms.dtype)
    return weighted_mean(terms, counted if weights is None else counted * weights[labels][:, None])


def weighted_mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean of values of the same shape over all processes."""
    return all_reduce_sum((values * weights).sum()) / all_reduce_sum(weights.sum())


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
    each = F.nll_loss(log_probabilities, labels, reduction="none")
    entropy = weighted_mean(each, torch.ones_like(each))
    probabilities = log_probabilities[:, 1:].exp() * known[:, :, None, None]
    target = F.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].float()
    overlap = 2 * all_reduce_sum((probabilities * target).sum((0, 2, 3)))
    sizes = all_reduce_sum(probabilities.sum((0, 2, 3)) + target.sum((0, 2, 3)))
    return entropy + (1 - (overlap + 1) / (sizes + 1)).mean()
