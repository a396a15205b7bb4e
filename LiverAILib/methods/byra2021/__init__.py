"""Byra 2021: liver fat fraction on four ultrasound views."""

from LiverAILib.data.outcome import SIGNED_CAM
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

VIEWS = ("hepatic_veins", "right_portal_vein", "right_posterior_portal_vein", "liver_kidney")
"""The views, which are roles of images and names of outcomes (Byra 2021, US Protocol)."""
MULTIVIEW, COMPOSITE = "multiview", "composite"
"""Outcomes of all views: the mean of the views' outputs, and one model of the features of all views."""

SPEC = MethodSpec(
    name="byra2021",
    title="Liver fat fraction on four ultrasound views",
    paper="Byra M, Han A, Boehringer AS, et al. Liver fat assessment in multiview sonography using transfer learning with "
    "convolutional neural networks. J Ultrasound Med (2021).",
    images=tuple(
        ImageRole(name, f"Ultrasound, {name.replace('_', ' ')}", "US", minimum=0, dimensions=2, color=True)
        for name in VIEWS
    ),
    answer=Answer("quantity", "Liver fat fraction", labels=("pdff_percent",), unit="%", cutoffs=(5.0, 10.0)),
    segmentation=False,
    heatmaps=(SIGNED_CAM,),
    implementation="LiverAILib.methods.byra2021.method:Byra2021",
    trainer="LiverAILib.methods.byra2021.trainer:train_byra2021",
    training_options=frozenset({"backbone", "encoder_weights", "composite"}),
    simulation="fat_ultrasound",
    paper_section="LiverAILib.methods.byra2021.paper_section:SECTION",
)
