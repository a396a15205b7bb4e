"""Xue 2020: fibrosis on gray-scale ultrasound and elastograms."""

from LiverAILib.data.label_kinds import STAGES
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SPEC = MethodSpec(
    name="xue2020",
    title="Fibrosis on gray-scale ultrasound and elastograms",
    paper="Xue LY, Jiang ZY, Fu TT, et al. Transfer learning radiomics based on multimodal ultrasound imaging for staging liver "
    "fibrosis. Eur Radiol 30 (2020).",
    images=(
        ImageRole("gray_scale", "Gray-scale ultrasound", "US", maximum=None, dimensions=2, color=True),
        ImageRole("elastogram", "Elastogram", "US", minimum=0, maximum=None, dimensions=2, color=True),
    ),
    answer=Answer("classes", "Fibrosis stage", labels=(STAGES,)),
    segmentation=False,
    covariates=("stiffness_kpa",),
    simulation="fibrosis_ultrasound",
    implementation="LiverAILib.methods.xue2020.method:Xue2020",
    trainer="LiverAILib.methods.xue2020.trainer:train_xue2020",
    training_options=frozenset({"backbone", "backbone_groups", "encoder_weights", "frozen_groups", "frozen_views"}),
    paper_section="LiverAILib.methods.xue2020.paper_section:SECTION",
)
