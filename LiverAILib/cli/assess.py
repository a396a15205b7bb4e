"""`liverai assess` and `liverai demo`: one case."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from LiverAILib.cli import output
from LiverAILib.data.case import PARTS
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError

if TYPE_CHECKING:
    from LiverAILib.data.assessment import Assessment
    from LiverAILib.data.regions import Region
    from LiverAILib.methods.spec import MethodSpec

DEFAULT_MODEL = "nowak2021-simulated"
MASKS = tuple(name for name in (*STRUCTURES, *PARTS) if name != LIVER.name)
"""Structures beside the liver, which has an option of its own."""


def add_assess(commands: argparse._SubParsersAction) -> None:
    """Add `liverai assess`."""
    parser = commands.add_parser("assess", help="segment, classify and explain one case")
    parser.add_argument(
        "input",
        nargs="*",
        metavar="INPUT",
        help="NIfTI, NRRD or MHA file, or DICOM folder, of a model that takes one image",
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="ROLE=FILE",
        help="image of a model that takes several, repeatable: --image gray_scale=a.png --image elastogram=b.png",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name of an installed model, or a model folder")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the result")
    parser.add_argument(
        "--segmentation",
        metavar="FILE[#NAME|#LABEL]",
        help="liver mask to use instead of the segmentation network's: a segmentation, DICOM SEG, label map or mask",
    )
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="NAME=FILE[#NAME|#LABEL]",
        help=f"mask of a further structure, repeatable: {', '.join(MASKS)}",
    )
    parser.add_argument(
        "--label-names",
        metavar="NAMES",
        help="names of the labels of masks whose files have none: totalsegmentator, totalsegmentator:TASK (total_mr, "
        "liver_segments, ...), or a JSON file of names and labels",
    )
    parser.add_argument(
        "--covariate",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="age, body or laboratory value, repeatable: age_years=54, height_cm, weight_kg, ast_u_per_l, ast_uln_u_per_l, "
        "alt_u_per_l, platelets_1e9_per_l, contrast=yes|no",
    )
    parser.add_argument(
        "--roi",
        action="append",
        default=[],
        metavar="NAME=LEFT,TOP,WIDTH,HEIGHT",
        help="rectangle in whole pixels of a model that looks at a region, from 0 at the upper left corner: "
        "--roi liver=304,140,28,28 --roi kidney=298,203,28,28; of several images one for all, or one for each separated by ';'",
    )
    parser.add_argument("--series", metavar="NUMBER", help="which series of a DICOM folder: number, UID or description")
    output.add_modality(parser)
    output.add_request(parser)
    output.add_dicom(parser)
    output.add_identifiers(parser)
    output.add_output(parser)
    parser.set_defaults(run=run_assess)


def run_assess(args: argparse.Namespace) -> int:
    """`liverai assess`."""
    from LiverAILib.data.case import Case
    from LiverAILib.data.masks import split_choice
    from LiverAILib.data.model import load_model
    from LiverAILib.imaging.files import image_name
    from LiverAILib.methods import method_of
    from LiverAILib.morphometry.covariates import parse_covariates
    from LiverAILib.results.files import check_output, write_assessment

    model = load_model(args.model)
    spec = method_of(model)
    files = image_files(args, spec)
    masks = parse_masks(args.mask)
    images = [file for some in files.values() for file in some]
    given = [file for some in ([args.segmentation or ""], *masks.values()) for file in some if file]
    check_output(args.output, [*images, *(split_choice(mask)[0] for mask in given), model.folder])
    case = Case.from_files(
        files,
        case_id=image_name(Path(images[0])),
        modalities=spec.default_modalities,
        series=args.series,
        modality=args.modality,
        liver_mask=args.segmentation,
        masks=masks,
        covariates=parse_covariates(args.covariate),
        regions=parse_roi(args.roi, spec, model.name),
        label_names=args.label_names,
    )
    if args.dicom:
        from LiverAILib.results.dicom import check_sources

        check_sources([image for some in case.images.values() for image in some])
    from LiverAILib.jobs.assess import assess

    assessment = assess(
        case,
        model,
        request=output.request_of(args, spec),
        device=args.device,
        progress=output.progress(args),
    )
    written = write_assessment(assessment, args.output, dicom=args.dicom, keep_identifiers=args.keep_identifiers)
    if args.json:
        print(json.dumps(assessment.record(), indent=2))
    elif not args.quiet:
        print(assessment_table(assessment, written))
    return 0


def image_files(args: argparse.Namespace, spec: MethodSpec) -> dict[str, list[str]]:
    """Files by role, in the order of the method's roles.

    Raises:
        UserError: A role is not the method's, or what was given does not fit the model.
    """
    roles = [role.name for role in spec.images]
    if args.input and (args.image or len(roles) > 1):
        example = " ".join(f"--image {role}=FILE" for role in roles)
        raise UserError(f"{args.input[0]}: '{args.model}' takes its images by role. Write {example}.")
    if len(args.input) > 1 and spec.single_image:
        raise UserError(
            f"{args.model}: takes one image, {len(args.input)} were given. Use `liverai batch` for a folder of cases."
        )
    found: dict[str, list[str]] = {role: [] for role in roles}
    for text in (*(f"{roles[0]}={path}" for path in args.input), *args.image):
        role, equals, file = text.partition("=")
        if not equals or not file:
            raise UserError(f"--image {text}: not ROLE=FILE. Write for example --image {roles[0]}=image.nii.gz.")
        if role not in found:
            raise UserError(f"--image {text}: '{args.model}' has no images '{role}'. Use {', '.join(roles)}.")
        found[role].append(file)
    given = {role: files for role, files in found.items() if files}
    if not given:
        raise UserError(f"{args.model}: no image was given. Name the {spec.images[0].title} to assess.")
    return given


def parse_roi(assignments: list[str], spec: MethodSpec, model: str) -> dict[str, tuple[Region, ...]]:
    """Regions by name from texts such as `liver=304,140,28,28`.

    Raises:
        UserError: A text is no region, is given twice, or the model does not look at such a region.
    """
    from LiverAILib.data.regions import FORM, parse_regions

    known = [region.name for region in spec.regions]
    found: dict[str, tuple[Region, ...]] = {}
    for text in assignments:
        name, equals, where = (part.strip() for part in text.partition("="))
        if not known:
            raise UserError(f"--roi {text}: '{model}' looks at whole images. Leave the option out.")
        if not equals or name not in known:
            raise UserError(f"--roi {text}: not NAME={FORM} with NAME one of {', '.join(known)}.")
        if name in found:
            raise UserError(f"--roi {text}: '{name}' is given twice. Separate the regions of several images by ';'.")
        try:
            found[name] = parse_regions(where)
        except ValueError as error:
            raise UserError(f"--roi {text}: {error}.") from None
    return found


def parse_masks(assignments: list[str]) -> dict[str, list[str]]:
    """Files by structure from texts such as `spleen=labels.nii.gz#4`; a structure may have several.

    Raises:
        UserError: A text is no NAME=FILE, or the structure is not known.
    """
    files: dict[str, list[str]] = {}
    for text in assignments:
        name, equals, file = (part.strip() for part in text.partition("="))
        if not equals or not file:
            raise UserError(f"--mask {text}: not NAME=FILE. Write for example --mask spleen=spleen.nii.gz.")
        if name not in MASKS:
            raise UserError(
                f"--mask {text}: '{name}' is not known. Use one of {', '.join(MASKS)}, or --segmentation for the liver."
            )
        files.setdefault(name, []).append(file)
    return files


def assessment_table(assessment: Assessment, files: dict[str, Path]) -> str:
    """The result and the files as a table for the terminal."""
    from LiverAILib.data.outcome import Classification
    from LiverAILib.results.measurement_rows import reached_text, value_text

    rows = [("note", note) for note in assessment.reservations]
    rows += [("case", assessment.case_id), ("model", f"{assessment.model} ({assessment.method})")]
    for name, outcome in assessment.outcomes.items():
        values = outcome.sentence
        if isinstance(outcome, Classification):
            values = ", ".join(f"{label} {value:.3f}" for label, value in outcome.probabilities.items())
        rows.append((f"pipeline {name}" + (" *" if name == assessment.primary else ""), values))
    rows.append(("predicted *", assessment.predicted))
    if assessment.chosen_slice is not None:
        rows.append(("slice", f"{assessment.chosen_slice.index} ({assessment.chosen_slice.source})"))
    for measurement in assessment.measurements:
        rows.append((measurement.name, f"{value_text(measurement)} {measurement.unit}".strip()))
        if reached := reached_text(measurement):
            rows.append(("  cut-off reached", reached))
    if assessment.not_assessed:
        rows.append(("not assessed", ", ".join(missing.name for missing in assessment.not_assessed)))
    rows += [("warning", warning.text) for warning in assessment.warnings]
    rows += [("note", note) for note in assessment.notes if note not in assessment.reservations]
    rows.append(("seconds", ", ".join(f"{name} {value:.1f}" for name, value in assessment.seconds.items())))
    rows += [(what, str(path)) for what, path in files.items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def add_demo(commands: argparse._SubParsersAction) -> None:
    """Add `liverai demo`."""
    parser = commands.add_parser("demo", help="assess the simulated sample that fits the model, or an image of yours")
    parser.add_argument(
        "input", nargs="?", metavar="INPUT", help="image file or DICOM folder (default: the simulated sample)"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR")
    output.add_modality(parser)
    output.add_heatmap(parser)
    output.add_output(parser)
    parser.set_defaults(
        run=run_demo,
        image=[],
        segmentation=None,
        mask=[],
        covariate=[],
        roi=[],
        series=None,
        slice=None,
        target_class=None,
        label_names=None,
        dicom=False,
        keep_identifiers=False,
    )


def run_demo(args: argparse.Namespace) -> int:
    """`liverai demo`: `assess` on the sample."""
    from LiverAILib.data.model import load_model
    from LiverAILib.jobs.demo import sample_files, sample_title
    from LiverAILib.methods import method_of

    if args.input:
        args.input = [args.input]
        return run_assess(args)
    spec = method_of(load_model(args.model))
    files = sample_files(spec, args.output / "sample")
    args.input, args.image = [], [f"{role}={file}" for role, some in files.items() for file in some]
    if not (args.quiet or args.json or args.progress):
        print(f"embedded sample (simulated: {sample_title(spec)}): {args.output / 'sample'}", file=sys.stderr)
    return run_assess(args)
