"""`liverai train`: a method on a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverAILib.cli import output
from LiverAILib.methods import list_methods


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai train`."""
    parser = commands.add_parser(
        "train",
        help="train a method on a cohort",
        description="Train a method on a cohort. The same command again resumes a run that was interrupted. Several GPUs: "
        "torchrun --nproc_per_node=N -m LiverAILib.cli train ...",
    )
    parser.add_argument(
        "method", choices=("segmentation", *(name for name, spec in list_methods().items() if spec.trainer))
    )
    parser.add_argument("--cohort", required=True, type=Path, metavar="CSV", help="cohort manifest")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="run folder; run again to resume")
    parser.add_argument("--name", help="name of the trained model (default: that of the output folder)")
    parser.add_argument(
        "--folds", type=int, metavar="N", help="cross-validation: a model for each of N folds of patients"
    )
    parser.add_argument(
        "--no-validation",
        action="store_true",
        help="with --folds: all other patients train and the last state is kept (segmentation)",
    )
    parser.add_argument(
        "--also-train", type=Path, metavar="CSV", help="manifest of more cases to train on, in every fold; never tested"
    )
    output.add_labels(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    _add_start(parser.add_argument_group("where training starts"))
    _add_schedule(parser.add_argument_group("schedule"))
    _add_task(parser.add_argument_group("what is learned"))
    _add_machine(parser.add_argument_group("machine"))
    parser.set_defaults(run=run_train)


def _add_start(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--encoder-weights",
        metavar="imagenet|FILE",
        help="pretrained weights: published ones, or a safetensors file of a torchvision or timm state dict (bundled: those in "
        "the box of a backbone that has some); random without",
    )
    group.add_argument(
        "--backbone",
        metavar="NAME",
        help=f"network of torchvision or timm that gives the features or is trained further{_only('backbone')}",
    )
    group.add_argument(
        "--backbone-groups",
        type=int,
        metavar="N",
        help=f"use its first N layer groups only{_only('backbone_groups')}",
    )
    group.add_argument(
        "--frozen-groups",
        type=int,
        metavar="N",
        help=f"leave the first N of them untrained (default: all but the last){_only('frozen_groups')}",
    )
    group.add_argument("--initial-weights", metavar="MODEL", help="trained model of the same method to start from")


def _add_schedule(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--schedule",
        choices=("short", "published", "extended", "fine-tune"),
        help="all layers at once (default), the paper's recipe and nothing else (default with --encoder-weights), the paper's "
        "stages with our additions, or small steps from a trained model (default with --initial-weights)",
    )
    group.add_argument("--epochs", type=int, help="epochs of the short or fine-tuning schedule")
    group.add_argument(
        "--epochs-divisor", type=int, metavar="N", help="epochs of the paper's stages divided by N, for a trial run"
    )
    group.add_argument("--steps", type=int, help="batches per epoch (default: every sample once)")
    group.add_argument("--batch-size", type=int, help="samples per batch")
    group.add_argument("--image-size", type=int, help="rows and columns of the samples trained on")
    group.add_argument(
        "--full-image-size",
        type=int,
        metavar="N",
        help=f"rows and columns of the pipeline on the full image, where they are others{_only('full_image_size')}",
    )
    group.add_argument(
        "--full-batch-size",
        type=int,
        metavar="N",
        help=f"samples per batch of that pipeline{_only('full_batch_size')}",
    )
    group.add_argument(
        "--max-lr",
        type=float,
        help="peak learning rate of the short or the fine-tuning (default 3e-4) schedule",
    )
    group.add_argument(
        "--patience", type=int, metavar="N", help="end a stage after N validations without a better score"
    )
    group.add_argument(
        "--lr-spacing",
        choices=("linear", "log"),
        help="learning rates from the first to the last layer (default linear)",
    )
    group.add_argument(
        "--freeze-batch-norm",
        action="store_const",
        const=True,
        help="freeze batch-norm of frozen layers too (as published it stays trainable)",
    )
    group.add_argument(
        "--frozen-views",
        type=int,
        metavar="N",
        help=f"in frozen stages train on N fixed views of each slice, whose features are computed once{_only('frozen_views')}",
    )


def _add_task(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--classes", choices=("cirrhosis", "stages"), help=f"cirrhosis (default) or F0-F4{_only('classes')}"
    )
    group.add_argument(
        "--head",
        choices=("softmax", "corn", "fastai"),
        help=f"softmax after one linear layer (default), ordinal, or softmax after fastai's two layers{_only('head')}",
    )
    group.add_argument(
        "--masking",
        choices=("none", "liver"),
        help=f"what the network sees: the whole abdomen (default) or the liver only{_only('masking')}",
    )
    group.add_argument(
        "--class-balance",
        choices=("sampling", "weights", "none"),
        help="classes equally often in every batch, weighted in the loss, or left as they are (default: the method's)"
        f"{_only('class_balance')}",
    )
    group.add_argument(
        "--context-epochs",
        type=int,
        metavar="N",
        help="train a second network for N epochs that sees the whole abdomen at low resolution, and combine both"
        f"{_only('context_epochs')}",
    )
    group.add_argument(
        "--composite",
        action="store_const",
        const=True,
        help=f"also a model of the features of all images together{_only('composite')}",
    )
    group.add_argument(
        "--evidence-penalty",
        type=float,
        metavar="W",
        help="add W times the share of the evidence outside of the liver to the loss (not of the papers; default: none)"
        f"{_only('evidence_penalty')}",
    )
    group.add_argument(
        "--segmentation-model",
        metavar="NAME",
        help="name or folder of a segmentation model; the trained model's card names it, so that assess and evaluate use it"
        f"{_only('segmentation_model')}",
    )
    group.add_argument(
        "--validation-masks",
        choices=("network", "given"),
        help="masks to validate with: the segmentation model's (as published; default where there is one) or the manifest's"
        f"{_only('validation_masks')}",
    )
    group.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        help="recalibrate the probabilities on the validation cases (default: not with --schedule published)"
        f"{_only('calibrate')}",
    )


def _only(option: str) -> str:
    """Which methods understand an option, for its help."""
    names = [name for name, spec in list_methods().items() if option in spec.training_options]
    return f" ({', '.join(names or ['segmentation'])})"


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    group.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))


def run_train(args: argparse.Namespace) -> int:
    """`liverai train`."""
    from dataclasses import fields

    from LiverAILib.jobs.train import train
    from LiverAILib.training.options import TrainingOptions

    log = (lambda line: None) if args.quiet else (lambda line: print(line, flush=True))
    options = {field.name: getattr(args, field.name) for field in fields(TrainingOptions)}
    train(
        args.method,
        args.cohort,
        args.output,
        name=args.name,
        folds=args.folds,
        validation=not args.no_validation,
        also_train=args.also_train,
        labels=args.labels,
        log=log,
        **options,
    )
    return 0
