#!/usr/bin/env python-real
"""Command line module of 3D Slicer: assesses one volume and writes label map, heat map and answer.

For `slicer.cli.run(slicer.modules.liveraiassess, ...)`, other extensions and batch scripts; LiverAIAssess.xml describes it.
Slicer runs it in a process of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent


def add_library() -> None:
    """Make `LiverAILib` importable: one folder up in a source checkout, beside the scripted modules in a package."""
    for folder in (HERE.parent, HERE.parent / "qt-scripted-modules"):
        if (folder / "LiverAILib" / "__init__.py").is_file():
            sys.path.insert(0, str(folder))
            return


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments, as LiverAIAssess.xml describes them."""
    parser = argparse.ArgumentParser(prog="LiverAIAssess", description="Assess one volume. For research use only.")
    parser.add_argument("inputVolume", help="image file")
    parser.add_argument(
        "--model", default="nowak2021-simulated", help="installed model that takes one volume, or a model folder"
    )
    parser.add_argument("--mask", help="label map of the liver, in place of the segmentation network")
    parser.add_argument("--segmentation", type=Path, help="where the label map goes")
    parser.add_argument("--heatmap", type=Path, help="where the heat map goes")
    parser.add_argument("--modality", choices=("automatic", "MR", "CT"), default="automatic")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--returnparameterfile", type=Path, help="where the answer goes")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Assess the volume and write what was asked for."""
    from LiverAILib import Assessor, Case, load_model
    from LiverAILib.atomic_write import atomic_text
    from LiverAILib.errors import UserError
    from LiverAILib.imaging.files import write_image
    from LiverAILib.methods import method_of

    model = load_model(options.model)
    spec = method_of(model)
    if not spec.single_image:
        raise UserError(
            f"--model {options.model}: takes several images. Use the module LiverAI, or a model of one volume."
        )
    modality = None if options.modality == "automatic" else options.modality
    case = Case.from_file(options.inputVolume, role=spec.role, modality=modality, liver_mask=options.mask)
    assessment = Assessor(model, device=options.device, progress=report).assess(case)
    if options.segmentation is not None and assessment.segmentation is not None:
        write_image(assessment.segmentation.image, options.segmentation)
    if options.heatmap is not None and assessment.outcome.heatmaps:
        write_image(assessment.heatmap.image, options.heatmap)
    if options.returnparameterfile is not None:
        lines = [f"{name} = {' '.join(str(value).split())}" for name, value in answer(assessment.record()).items()]
        atomic_text(options.returnparameterfile, "\n".join(lines) + "\n")


def answer(record: Mapping) -> dict[str, object]:
    """The output parameters that LiverAIAssess.xml describes; those that the result has no value for are left out."""
    volumes = [one["value"] for one in record["measurements"] if one["name"] == "Liver volume"]
    found = {
        "predicted": record["predicted"],
        "probability": record["probabilities"].get(record["predicted"]),
        "liverVolumeMl": volumes[0] if volumes else None,
        "reservations": " ".join(record["reservations"]),
        "warnings": " ".join(warning["text"] for warning in record["warnings"]),
    }
    return {name: value for name, value in found.items() if value is not None}


def report(share: float, text: str) -> None:
    """Tell Slicer how far it is."""
    print(f"<filter-progress>{share:.3f}</filter-progress>\n<filter-comment>{text}</filter-comment>", flush=True)


def main(arguments: list[str]) -> int:
    """Describe the module or run it; what cannot be used is one line and exit code 2."""
    if "--xml" in arguments:
        print(Path(__file__).with_suffix(".xml").read_text(encoding="utf-8"))
        return 0
    add_library()
    from LiverAILib.console import print_any_character
    from LiverAILib.errors import UserError

    print_any_character()
    try:
        run(parse(arguments))
    except UserError as error:
        print(f"LiverAIAssess: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
