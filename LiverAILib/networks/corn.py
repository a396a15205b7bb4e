"""CORN: an ordinal output of conditional probabilities (Shi, Cao, Raschka: Deep neural networks for rank-consistent ordinal
regression based on conditional probabilities. Pattern Anal Appl 2023, arXiv 2111.08851).

K ordered classes have K - 1 logits; the k-th one says how probable it is that the class is above k given that it is above
k - 1. Their products fall with k, so that the probabilities of the ranks never contradict each other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def log_class_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of the classes, which sum to 1.

    P(y > k) is the product of the conditional probabilities up to k; P(y = k) is the drop from P(y > k - 1) to
    P(y > k), written as a product so that no digits cancel.

    Args:
        logits: (batch, classes - 1).

    Returns:
        (batch, classes).
    """
    zero = torch.zeros_like(logits[:, :1])
    above = torch.cat([zero, F.logsigmoid(logits).cumsum(1)], 1)
    not_further = torch.cat([F.logsigmoid(-logits), zero], 1)
    return above + not_further


def conditional_terms(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropies of the conditional tasks, and which of them count.

    Task k is learned from the cases above k - 1 only (the conditional training subsets).

    Args:
        logits: (batch, classes - 1).
        labels: int64 (batch,), 0 to classes - 1.

    Returns:
        Cross entropies (batch, classes - 1) and their membership of the subsets, boolean, same shape.
    """
    ranks = torch.arange(logits.shape[1], device=logits.device)[None]
    above = (labels[:, None] > ranks).to(logits.dtype)
    terms = F.binary_cross_entropy_with_logits(logits, above, reduction="none")
    return terms, labels[:, None] >= ranks
