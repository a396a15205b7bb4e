"""Adding out-of-distribution detection to an existing Nowak 2021 model, without training it again.

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
from LiverAILib.errors import UserError
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.training import Preparation, load_slices
from LiverAILib.methods.out_of_distribution_training import FEWEST_VALIDATION, out_of_distribution_state
from LiverAILib.output_paths import check_output_folder
from LiverAILib.segmentation.predict import Segmenter


def add_out_of_distribution(
    model: Model | str | os.PathLike[str], cohort: Cohort, output: Path, *, network_masks: bool = True
) -> Model:
    """Write the model with out-of-distribution detection; its networks stay as they are.

    Args:
        model: A model of method nowak2021.
        cohort: The cohort that it was trained on, with its splits "train" and "validation".
        output: Folder of the new model; one that is there is replaced.
        network_masks: Cut the validation slices out with the masks of the model's segmentation network, as inference
            does; False: with the manifest's.

    Raises:
        UserError: The model is of another method, there are too few cases, or the folder cannot be written.
    """
    model = model if isinstance(model, Model) else load_model(model)
    if model.method != "nowak2021":
        raise UserError(f"{model.name}: a model of method '{model.method}', not nowak2021. Choose another model.")
    training, validation = cohort.split("train"), cohort.split("validation")
    if min(len(training), len(validation)) < FEWEST_VALIDATION:
        raise UserError(
            f"{cohort.path}: {len(training)} training and {len(validation)} validation cases. At least {FEWEST_VALIDATION} of "
            "each are needed to fit the out-of-distribution detection."
        )
    check_output_folder(output)
    name = model.card.segmentation_model if network_masks else None
    segmenter = Segmenter(load_model(name)) if name else None
    method = Nowak2021(model, torch.device("cpu"))
    state = network_state(model.state())
    cohort.check_labels()
    size = method.settings.image_size
    by_masks = [Preparation(pipeline) for pipeline in method.networks]
    as_inference = [
        Preparation(pipeline, segmenter if pipeline == "segmented" else None) for pipeline in method.networks
    ]
    slices = load_slices(training, by_masks, classes=model.classes, size=size)
    held_out = load_slices(validation, as_inference, classes=model.classes, size=size)
    for number, (pipeline, network) in enumerate(method.networks.items()):
        state |= out_of_distribution_state(network, slices[number], held_out[number], pipeline, size=size)
    card = {key: value for key, value in model.card.entries.items() if key != "weights"}
    return save_model(output, card, state, storage=model.card.weights.storage)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--given-masks", action="store_true", help="cut validation slices out with the manifest's masks"
    )
    args = parser.parse_args()
    add_out_of_distribution(args.model, read_cohort(args.manifest), args.output, network_masks=not args.given_masks)


if __name__ == "__main__":
    main()
