"""The picture of a run while it goes on."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.image import imread

from LiverAILib.training.learning_curves import EarlyView, draw_learning_curves


def history(epochs):
    """Two stages, the first frozen, validated every second epoch."""
    records = []
    for epoch in range(1, epochs + 1):
        first = epoch <= 6
        record = {
            "stage": "1" if first else "2",
            "epoch": epoch if first else epoch - 6,
            "loss": 1 / epoch + 0.02 * (epoch % 3),
            "lr": [None if first else 1e-6 * epoch, None if first else 1e-5 * epoch, 1e-3 / epoch],
        }
        records.append({**record, "score": -1 / epoch} if epoch % 2 == 0 else record)
    return records


def test_the_picture_shows_more_when_the_run_has_gone_further(tmp_path):
    pictures = []
    for epochs in (1, 4, 12):
        draw_learning_curves(history(epochs), tmp_path / "curves.png")
        pictures.append(imread(tmp_path / "curves.png"))
    assert all(picture.shape == (700, 800, 4) for picture in pictures)
    assert all(np.abs(a - b).max() > 0.5 for a, b in itertools.pairwise(pictures))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png"]


def test_a_record_without_a_loss_is_a_gap(tmp_path):
    draw_learning_curves([{"stage": "start", "epoch": 0, "score": -0.7}, *history(3)], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_the_early_view_waits_between_drawings_and_only_one_process_draws(tmp_path):
    view = EarlyView(tmp_path / "curves.png")
    view.show(history(2))
    assert not view.path.exists()
    view.draw(history(2))
    assert view.path.exists()
    silent = EarlyView(tmp_path / "other.png", enabled=False)
    silent.draw(history(2))
    assert not silent.path.exists()
