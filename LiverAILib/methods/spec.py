"""How a method describes itself: everything that others need to know of it before it is loaded. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from LiverAILib.data.label_kinds import LABEL_KINDS
from LiverAILib.data.outcome import GRAD_CAM, HIRES_CAM

if TYPE_CHECKING:
    from LiverAILib.evaluation.report.options import PaperSection
    from LiverAILib.methods.base import Method


@dataclass(frozen=True)
class ImageRole:
    """Images that a method looks at in one role.

    Attributes:
        name: Role in cases and manifests ("t2", "elastogram"): column `image:<name>`.
        title: As shown to a person ("T2-weighted MR").
        modality: DICOM modality that the images have to have.
        minimum: Least number of images.
        maximum: Largest number of images; None where there is no limit.
        dimensions: 3 for volumes, 2 for single images.
        color: Whether color images keep their three channels; otherwise an image has to be gray-scale.
    """

    name: str
    title: str
    modality: str
    minimum: int = 1
    maximum: int | None = 1
    dimensions: Literal[2, 3] = 3
    color: bool = False


@dataclass(frozen=True)
class DrawnRegion:
    """A rectangle that the user draws on the images of a method's first role.

    Attributes:
        name: Name in cases and manifests ("liver"): column `roi:<name>`.
        title: As shown to a person ("Region in the liver").
        required: Whether the method cannot do without.
        purpose: What it is for, as shown to a person.
    """

    name: str
    title: str
    required: bool
    purpose: str


@dataclass(frozen=True)
class Answer:
    """What a method answers.

    Attributes:
        kind: "classes" for probabilities of the model's classes, "quantity" for a value.
        title: As shown to a person ("Cirrhosis", "Liver fat fraction").
        labels: Manifest columns of the reference standard that it can be trained on and tested with: of classes "stage" and
            "cirrhosis", of which a manifest has one; of a quantity the one with its values ("pdff_percent").
        unit: Unit of a quantity.
        cutoffs: Values of a quantity from which on a case counts as positive, lowest first. A method may have a classifier
            for one, whose outcome is called as `data.outcome.cutoff_outcome` says; else the value decides.
    """

    kind: Literal["classes", "quantity"]
    title: str
    labels: tuple[str, ...] = LABEL_KINDS
    unit: str = ""
    cutoffs: tuple[float, ...] = ()

    @property
    def quantity_column(self) -> str:
        """Manifest column with the reference values of a quantity; "" where classes are answered."""
        return self.labels[0] if self.kind == "quantity" else ""


@dataclass(frozen=True)
class MethodSpec:
    """A published method as it describes itself.

    Attributes:
        name: Key in cards, on the command line and in folders ("nowak2021").
        title: What it does, for a person.
        paper: Citation.
        images: Roles of the images that it looks at; the first one is what a segmentation and measurements are about.
        answer: What it answers.
        segmentation: Whether it needs a liver segmentation.
        slices: Whether a slice of the volume can be chosen.
        regions: Rectangles that the user draws on the images of the first role.
        looks_at: Name of an outcome to what of the images its network sees, as shown to a person.
        covariates: Names of covariates that its networks use, beside those of the measurements.
        heatmaps: Kinds of heat map that it makes, the published one first.
        implementation: "module:Class" of its `Method`; "" where only the paper's evaluation is here.
        trainer: "module:function" that trains it; "" where it cannot be trained. See `LiverAILib.jobs.train`.
        training_options: Names of `TrainingOptions` that mean something to it, beside those that all trainers share.
        out_of_distribution: "module:function" of a `Method`, the cohort that its model was trained on and a `Segmenter` (None
            for the manifest's masks), which gives the tensors that let the model warn of out-of-distribution inputs; "" for
            none.
        simulation: Kind of `LiverAILib.simulation.cohort.KINDS` that makes cases for it; "" for none.
        paper_section: "module:name" of the `PaperSection` with the paper's own tables and figures; "" for none.
    """

    name: str
    title: str
    paper: str
    images: tuple[ImageRole, ...]
    answer: Answer
    implementation: str
    segmentation: bool = True
    slices: bool = False
    regions: tuple[DrawnRegion, ...] = ()
    looks_at: Mapping[str, str] = field(default_factory=dict, hash=False)
    covariates: tuple[str, ...] = ()
    heatmaps: tuple[str, ...] = (GRAD_CAM, HIRES_CAM)
    trainer: str = ""
    training_options: frozenset[str] = frozenset()
    out_of_distribution: str = ""
    simulation: str = ""
    paper_section: str = ""

    @property
    def role(self) -> str:
        """Role of the image that a segmentation and measurements are about."""
        return self.images[0].name

    @property
    def modality(self) -> str:
        """Modality of that image."""
        return self.images[0].modality

    @property
    def modalities(self) -> Mapping[str, str]:
        """Modality by role."""
        return {role.name: role.modality for role in self.images}

    @property
    def default_modalities(self) -> Mapping[str, str]:
        """Modality by role of images that do not say theirs; none for a single volume, whose intensities tell MR from CT."""
        return {} if self.single_image and self.images[0].dimensions == 3 else self.modalities

    @property
    def single_image(self) -> bool:
        """Whether a case is one image of one role."""
        return len(self.images) == 1 and self.images[0].maximum == 1

    def load(self) -> type[Method]:
        """The class that implements the method; imports torch."""
        return load_attribute(self.implementation)

    def load_trainer(self) -> Callable[..., Any]:
        """The function that trains the method; imports torch."""
        return load_attribute(self.trainer)

    def load_out_of_distribution(self) -> Callable[..., Any]:
        """The function that fits the out-of-distribution detection; imports torch."""
        return load_attribute(self.out_of_distribution)

    def load_paper_section(self) -> PaperSection:
        """The paper's own tables and figures for the report of an evaluation."""
        return load_attribute(self.paper_section)


def load_attribute(place: str) -> Any:
    """What "module:name" names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
