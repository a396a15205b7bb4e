"""Names of the labels of a label map that has none of its own: from nnU-Net's `dataset.json`, a JSON file, or a known tool."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from LiverAILib.errors import UserError

DATASET = "dataset.json"
"""nnU-Net writes it beside its predictions, and keeps it above the folders of its training labels."""

LABEL_FOLDERS = ("labelsTr", "labelsTs", "labelsVal")
LARGEST_FILE = 1 << 20
"""Bytes; longer files hold no label names."""

_RIBS = [f"rib_{side}_{number}" for side in ("left", "right") for number in range(1, 13)]
_LIMBS = [
    f"{bone}_{side}" for bone in ("humerus", "scapula", "clavicula", "femur", "hip") for side in ("left", "right")
]
_GLUTEI = [f"gluteus_{size}_{side}" for size in ("maximus", "medius", "minimus") for side in ("left", "right")]
_BACK = [f"{muscle}_{side}" for muscle in ("autochthon", "iliopsoas") for side in ("left", "right")]
_ILIAC = [f"iliac_{vessel}_{side}" for vessel in ("artery", "vena") for side in ("left", "right")]
_UPPER_ABDOMEN = ["spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas"]
_ADRENALS = ["adrenal_gland_right", "adrenal_gland_left"]
_SPINE = [
    f"vertebrae_{part}{number}"
    for part, count in (("S", 1), ("L", 5), ("T", 12), ("C", 7))
    for number in range(count, 0, -1)
]

TOTALSEGMENTATOR_TASKS = {
    "total": [
        *_UPPER_ABDOMEN, *_ADRENALS,
        "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right", "lung_middle_lobe_right",
        "lung_lower_lobe_right", "esophagus", "trachea", "thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder",
        "prostate", "kidney_cyst_left", "kidney_cyst_right", "sacrum", *_SPINE, "heart", "aorta", "pulmonary_vein",
        "brachiocephalic_trunk", "subclavian_artery_right", "subclavian_artery_left", "common_carotid_artery_right",
        "common_carotid_artery_left", "brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left",
        "superior_vena_cava", "inferior_vena_cava", "portal_vein_and_splenic_vein", *_ILIAC, *_LIMBS, "spinal_cord", *_GLUTEI,
        *_BACK, "brain", "skull", *_RIBS, "sternum", "costal_cartilages",
    ],
    "total_mr": [
        *_UPPER_ABDOMEN, *_ADRENALS, "lung_left", "lung_right", "esophagus", "small_bowel", "duodenum", "colon",
        "urinary_bladder", "prostate", "sacrum", "vertebrae", "intervertebral_discs", "spinal_cord", "heart", "aorta",
        "inferior_vena_cava", "portal_vein_and_splenic_vein", *_ILIAC, *_LIMBS, *_GLUTEI, *_BACK, "brain",
    ],
    "liver_segments": [f"liver_segment_{number}" for number in range(1, 9)],
    "liver_segments_mr": [f"liver_segment_{number}" for number in range(1, 9)],
}  # fmt: skip
"""Names of the labels from 1 on by task, as TotalSegmentator 2 numbers them (its `map_to_binary.py`)."""

TOTALSEGMENTATOR = "totalsegmentator"


@dataclass(frozen=True)
class LabelNames:
    """Names of labels, and where they come from.

    Attributes:
        source: For a person.
        labels: Name to its labels; a region of nnU-Net has several.
        complete: Whether a label without a name contradicts the source.
    """

    source: str
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    complete: bool = False


def stated_names(choice: str | os.PathLike[str]) -> LabelNames:
    """The names that the user chose: `totalsegmentator`, `totalsegmentator:TASK`, or a JSON file.

    The file holds `{"liver": 1, ...}`, `{"1": "liver", ...}`, or one of these under "labels", as nnU-Net's `dataset.json` does.

    Raises:
        UserError: The choice is neither, or the file holds no names.
    """
    tool, colon, task = str(choice).partition(":")
    if tool == TOTALSEGMENTATOR and (task or not colon):
        names = TOTALSEGMENTATOR_TASKS.get(task or "total")
        if names is None:
            raise UserError(
                f"--label-names {choice}: '{task}' is no known task of TotalSegmentator. Use one of "
                f"{', '.join(TOTALSEGMENTATOR_TASKS)}, or a JSON file of names and labels."
            )
        source = f"TotalSegmentator's task {task or 'total'}"
        return LabelNames(source, {name: (label,) for label, name in enumerate(names, 1)}, complete=True)
    path = Path(choice)
    if not path.is_file():
        raise UserError(
            f"--label-names {choice}: no such file, and no known tool. Give {TOTALSEGMENTATOR} or a JSON file of names."
        )
    labels = _read(path)
    if not labels:
        raise UserError(
            f'--label-names {choice}: holds no names of labels. Write {{"liver": 1, "spleen": 2}} or nnU-Net\'s dataset.json.'
        )
    return LabelNames(path.name, labels)


def names_beside(path: Path) -> LabelNames | None:
    """The names of nnU-Net's `dataset.json` in the folder of a label map, or above a folder of training labels."""
    places = [path.parent, *([path.parent.parent] if path.parent.name in LABEL_FOLDERS else [])]
    for place in places:
        if labels := _read(place / DATASET):
            return LabelNames(DATASET, labels)
    return None


def _read(path: Path) -> dict[str, tuple[int, ...]]:
    """Labels by name; empty where the file is not there or holds something else."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = content.get("labels", content) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for key, value in entries.items():
        name, labels = (value, _labels(key)) if isinstance(value, str) and _labels(key) else (key, _labels(value))
        if not labels or not name.strip():
            return {}  # something else that happens to be called labels
        if labels != (0,):
            found[name.strip()] = labels
    return found


def _labels(value: object) -> tuple[int, ...]:
    """The label that a value is, or the labels of a region; empty where it is something else."""
    values = value if isinstance(value, list) else [value]
    texts = [str(one) for one in values if isinstance(one, int | str) and not isinstance(one, bool)]
    if len(texts) < len(values) or not all(text.isdecimal() and len(text) < 10 for text in texts):
        return ()
    return tuple(int(text) for text in texts)
