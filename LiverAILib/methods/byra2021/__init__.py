"""Byra 2021: liver fat fraction on four ultrasound views. Its evaluation only: the method itself is not here yet."""

from LiverAILib.data.outcome import SIGNED_CAM
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SPEC = MethodSpec(
    name="byra2021",
    title="Liver fat fraction on four ultrasound views",
    paper="Byra M, Han A, Boehringer AS, et al. Liver fat assessment in multiview sonography using transfer learning with "
    "convolutional neural networks. J Ultrasound Med (2021).",
    images=tuple(
        ImageRole(name, f"Ultrasound, {name.replace('_', ' ')}", "US", minimum=0, dimensions=2, color=True)
        for name in ("hepatic_veins", "right_portal_vein", "right_posterior_portal_vein", "liver_kidney")
    ),
    answer=Answer("quantity", "Liver fat fraction", labels=("pdff_percent",), unit="%", cutoffs=(5.0, 10.0)),
    segmentation=False,
    heatmaps=(SIGNED_CAM,),
    implementation="",
    simulation="fat_ultrasound",
    paper_section="LiverAILib.methods.byra2021.paper_section:SECTION",
)
