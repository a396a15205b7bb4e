"""Predictions files to evaluate."""

import csv

import numpy as np
import pytest

from LiverAILib.evaluation.report.options import PaperSection
from LiverAILib.methods import list_papers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def paper(name) -> PaperSection:
    """A paper's own section."""
    return list_papers()[name].load_paper_section()


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
def write(tmp_path):
    """Write a CSV: header and rows; returns its path."""
    return lambda header, rows: write_csv(tmp_path / "predictions.csv", header, rows)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("predictions")


@pytest.fixture(scope="session")
def nowak_csv(folder):
    """Nowak 2021's test set with the paper's counts: 80 cirrhosis, 24 controls, two networks, two readers."""
    truth = np.arange(104) < 80
    generator = np.random.default_rng(5)
    # 100, 99, 94 and 95 right, as in the paper: which patients each reader missed is not printed.
    segmented = np.where(truth, 0.7, 0.3) + generator.uniform(-0.15, 0.15, 104)
    segmented[[80, 81, 82, 83]] = 0.6
    full = np.where(truth, 0.7, 0.3) + generator.uniform(-0.15, 0.15, 104)
    full[[80, 81, 82, 84, 85]] = 0.55
    board, resident = truth.copy(), truth.copy()
    board[:9], board[80] = False, True
    resident[:7], resident[[80, 90]] = False, True
    names = np.where(truth, "cirrhosis", "control")
    header = ["case_id", "patient_id", "label", "score", "score:full image", "score:board", "score:resident", "field"]
    field = ["1.5 T" if i % 2 else "3 T" for i in range(104)]
    rows = [
        (f"c{i}", f"p{i}", names[i], f"{segmented[i]:.4f}", f"{full[i]:.4f}", int(board[i]), int(resident[i]), field[i])
        for i in range(104)
    ]
    return write_csv(folder / "nowak.csv", header, rows)


@pytest.fixture(scope="session")
def yin_csv(folder):
    """Stages with probabilities, five folds, a stiffness and a reader."""
    generator = np.random.default_rng(6)
    stage = generator.permutation(np.repeat(np.arange(5), [30, 8, 9, 10, 23]))
    table = np.exp(-0.5 * (np.arange(5) - (stage + 1.2 * generator.normal(size=80))[:, None]) ** 2) + 0.02
    table /= table.sum(axis=1, keepdims=True)
    header = ["case_id", "patient_id", "label", "fold", *(f"score:{s}" for s in range(5)), "score:LSM", "score:reader"]
    rows = [
        (
            f"c{i}",
            f"p{i}",
            f"F{stage[i]}",
            i % 5,
            *(f"{x:.6f}" for x in table[i]),
            f"{4 + 3 * stage[i] + i % 7:.1f}",
            min(4, stage[i] + i % 2),
        )
        for i in range(80)
    ]
    return write_csv(folder / "yin.csv", header, rows)


@pytest.fixture(scope="session")
def byra_csv(folder):
    """PDFF in percent with three predictions."""
    generator = np.random.default_rng(7)
    fat = generator.gamma(1.6, 8, 60)
    header = ["case_id", "patient_id", "label", "score", "score:hepatic veins", "score:liver/kidney"]
    noise = generator.normal(size=(60, 3))
    rows = [
        (
            f"c{i}",
            f"p{i}",
            f"{fat[i]:.2f}",
            f"{0.8 * fat[i] + 2 + 2 * noise[i, 0]:.2f}",
            f"{0.7 * fat[i] + 3 + 4 * noise[i, 1]:.2f}",
            f"{0.5 * fat[i] + 5 + 6 * noise[i, 2]:.2f}",
        )
        for i in range(60)
    ]
    return write_csv(folder / "byra.csv", header, rows)


@pytest.fixture(scope="session")
def images_csv(folder):
    """30 patients with four images each."""
    generator = np.random.default_rng(8)
    rows = []
    for patient in range(30):
        shift = generator.normal()
        for image in range(4):
            logit = 2 * (patient % 2) - 1 + shift + 0.5 * generator.normal()
            other = 1.0 * (patient % 2) + shift + generator.normal()
            rows.append(
                (f"{patient}_{image}", f"p{patient}", patient % 2, f"{sigmoid(logit):.4f}", f"{sigmoid(other):.4f}")
            )
    return write_csv(folder / "images.csv", ["case_id", "patient_id", "label", "score", "score:other"], rows)
