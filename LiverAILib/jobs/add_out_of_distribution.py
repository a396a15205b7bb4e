"""Adding out-of-distribution detection to an existing model, without training it again.

`python -m LiverAILib.jobs.add_out_of_distribution MODEL MANIFEST OUTPUT` reads the cohort that the model was trained on and
writes the same model with the distribution of its features to the folder OUTPUT.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from LiverAILib.data.cohort import Cohort, read_cohort
from LiverAILib.data.model import Model, load_model, network_state, save_model
from LiverAILib.data.named_segmentation import named_segmentation
from LiverAILib.errors import UserError
from LiverAILib.methods import method_of
from LiverAILib.methods.out_of_distribution import FEWEST_VALIDATION
from LiverAILib.output_paths import check_output_folder
from LiverAILib.segmentation.predict import Segmenter


def add_out_of_distribution(
    model: Model | str | os.PathLike[str], cohort: Cohort, output: Path, *, network_masks: bool = True
) -> Model:
    """Write the model with out-of-distribution detection; its networks stay as they are.

    Args:
        model: A model of a method that has the detection (`MethodSpec.out_of_distribution`).
        cohort: The cohort that it was trained on, with its splits "train" and "validation".
        output: Folder of the new model; one that is there is replaced.
        network_masks: Prepare the validation cases with the masks of the model's segmentation network, as inference does;
            False: with the manifest's.

    Raises:
        UserError: The method has no such detection, there are too few cases, or the folder cannot be written.
    """
    model = model if isinstance(model, Model) else load_model(model)
    spec = method_of(model)
    if not spec.out_of_distribution:
        raise UserError(
            f"{model.name}: the method {spec.name} has no out-of-distribution detection. Choose another model."
        )
    training, validation = cohort.split("train"), cohort.split("validation")
    if min(len(training), len(validation)) < FEWEST_VALIDATION:
        raise UserError(
            f"{cohort.path}: {len(training)} training and {len(validation)} validation cases. At least {FEWEST_VALIDATION} of "
            "each are needed to fit the out-of-distribution detection."
        )
    check_output_folder(output)
    named = named_segmentation(model) if network_masks else None
    segmenter = Segmenter(named) if named else None
    cohort.check_labels(spec.answer.labels)
    method = spec.load()(model, torch.device("cpu"))
    state = network_state(model.state()) | spec.load_out_of_distribution()(method, cohort, segmenter)
    card = {key: value for key, value in model.card.entries.items() if key != "weights"}
    return save_model(output, card, state, storage=model.card.weights.storage)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--given-masks", action="store_true", help="prepare validation cases with the manifest's masks")
    args = parser.parse_args()
    model = load_model(args.model)
    cohort = read_cohort(args.manifest, quantity=method_of(model).answer.quantity_column)
    add_out_of_distribution(model, cohort, args.output, network_masks=not args.given_masks)


if __name__ == "__main__":
    main()
