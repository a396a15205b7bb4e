"""Whether a classifier could learn the planting instead of the disease.

`python benchmarks/planted_truth.py MANIFEST` takes a cohort of `liverai simulate --from` with planted F0 and F4 and prints AUCs
of logistic regressions that are trained on all other patients (leave one patient out):

- planted F0 against untouched scans: has to be near .5, or the deformation itself gives planted cases away;
- planted F4 against planted F0: has to be high, or the signs of disease are not seen.

There are two sets of features of the slices around the caudate level: pooled features of the bundled EfficientNet-lite0 (whole
slice and crop of the liver), and statistics of sharpness and noise, which show what interpolation does. Intervals allow for the
several cases of a patient (Obuchowski).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.evaluation.patients import clustered_auc
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.networks.backbones import Backbone, build_backbone
from LiverAILib.segmentation.caudate_level import caudate_level

BACKBONE = "tf_efficientnet_lite0"
SIDE = 224
SLICES = (-2, 0, 2)
COMPARISONS = {
    "planted F0 against untouched": (("planted", 0), ("untouched", 0)),
    "planted F4 against planted F0": (("planted", 4), ("planted", 0)),
}


def features(row: CohortRow, backbone: Backbone) -> dict[str, np.ndarray]:
    """Features of a case by name of the set."""
    role = "t2" if "t2" in row.images else "ct"
    image, _ = to_canonical(row.read_image(role, "MR" if role == "t2" else "CT"))
    liver = row.read_mask("liver", image)
    voxels = image.array.astype(np.float32)
    usual = float(np.median(voxels[liver]))
    # Relative to the liver, as classifiers see it; CT in its usual window.
    gray = np.clip(voxels / (2.5 * usual), 0, 1) if role == "t2" else np.clip((voxels + 120) / 360, 0, 1)
    level = caudate_level(liver)
    deep, sharp = [], []
    for offset in SLICES:
        k = int(np.clip(level + offset, *np.flatnonzero(liver.any((1, 2)))[[0, -1]]))
        rows, columns = np.nonzero(liver[k])
        box = np.s_[max(rows.min() - 5, 0) : rows.max() + 6, max(columns.min() - 5, 0) : columns.max() + 6]
        deep.append(np.concatenate([pooled(gray[k], backbone), pooled(gray[k][box], backbone)]))
        sharp.append(sharpness(gray[k], liver[k]))
    return {"EfficientNet-lite0": np.mean(deep, 0), "sharpness": np.mean(sharp, 0)}


def pooled(picture: np.ndarray, backbone: Backbone) -> np.ndarray:
    """Pooled features of a picture (0..1)."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
    tensor = torch.nn.functional.interpolate(tensor, (SIDE, SIDE), mode="bilinear", antialias=True)
    with torch.inference_mode():
        return backbone(((tensor - 0.5) / 0.5).expand(-1, 3, -1, -1))[0].numpy()


def sharpness(picture: np.ndarray, liver: np.ndarray) -> np.ndarray:
    """Logarithms of the energy of derivatives in the liver, at its border, and in the rest of the body."""
    body = picture > 0.05
    regions = {
        "liver": ndimage.binary_erosion(liver, iterations=4),
        "border": ndimage.binary_dilation(liver, iterations=3) & ~ndimage.binary_erosion(liver, iterations=3),
        "rest": body & ~ndimage.binary_dilation(liver, iterations=4),
    }
    maps = {
        "laplacian": ndimage.laplace(picture) ** 2,
        "gradient": ndimage.sobel(picture, 0) ** 2 + ndimage.sobel(picture, 1) ** 2,
        "fine": (picture - ndimage.gaussian_filter(picture, 1.0)) ** 2,
        "middle": (ndimage.gaussian_filter(picture, 1.0) - ndimage.gaussian_filter(picture, 3.0)) ** 2,
    }
    energy = {
        (place, name): float(np.log(values[region].mean() + 1e-8)) if region.any() else 0.0
        for place, region in regions.items()
        for name, values in maps.items()
    }
    ratios = [energy[place, "laplacian"] - energy[place, "middle"] for place in regions]
    return np.array([*energy.values(), *ratios])


def held_out_scores(values: np.ndarray, truth: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Probability of every case from the model of all other patients."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))
    found = cross_val_predict(model, values, truth, groups=patients, cv=LeaveOneGroupOut(), method="predict_proba")
    return found[:, 1]


def report(cases: list[tuple[CohortRow, Mapping[str, np.ndarray]]]) -> None:
    """Print the AUC of every comparison and set of features."""
    kind = [(row.covariates["planted"], row.stage) for row, _ in cases]
    for title, (positive, negative) in COMPARISONS.items():
        used = [n for n, found in enumerate(kind) if found in (positive, negative)]
        truth = np.array([kind[n] == positive for n in used])
        if not truth.any() or truth.all():
            print(f"{title}: not in this cohort")
            continue
        patients = np.array([cases[n][0].patient_id for n in used])
        for name in cases[0][1]:
            values = np.stack([cases[n][1][name] for n in used])
            result = clustered_auc(truth, held_out_scores(values, truth, patients), patients=patients)
            print(f"{title}, {name}, n = {truth.sum()} and {(~truth).sum()}: AUC {result.text()}")


def main() -> None:
    """Read the cohort and print the AUCs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, nargs="+")
    args = parser.parse_args()
    backbone = build_backbone(BACKBONE, weights="bundled").eval()
    cases = []
    for manifest in args.manifest:
        for row in read_cohort(manifest):
            if (row.covariates["planted"], row.stage) in {side for pair in COMPARISONS.values() for side in pair}:
                cases.append((row, features(row, backbone)))
                print(row.case_id, file=sys.stderr, flush=True)
    report(cases)


if __name__ == "__main__":
    main()
