"""Byra 2021's method on a region of interest that the user draws, trained on biopsies.

The backbone looks at small squares of liver tissue instead of whole views, as in the data of Byra M et al., Int J CARS
2018;13:1895-1903; features, heads, cross-validation and signed maps are those of Byra 2021.
"""

from LiverAILib.data.outcome import SIGNED_CAM
from LiverAILib.data.regions import KIDNEY_REGION, LIVER_REGION
from LiverAILib.methods.spec import Answer, DrawnRegion, ImageRole, MethodSpec

ROLE = "liver_kidney"
OUTCOME = "liver_fat"
"""Name of the quantity; the diagnoses are called after it (`cutoff_outcome`)."""

SPEC = MethodSpec(
    name="byra2021-roi",
    title="Liver fat in a region of interest on B-mode ultrasound",
    paper="Byra M, Han A, Boehringer AS, et al. Liver fat assessment in multiview sonography using transfer learning with "
    "convolutional neural networks. J Ultrasound Med (2021); on a region of interest as in Byra M, Styczynski G, Szmigielski C, "
    "et al. Int J Comput Assist Radiol Surg 13 (2018).",
    images=(ImageRole(ROLE, "Ultrasound, liver and kidney", "US", minimum=1, maximum=None, dimensions=2, color=True),),
    answer=Answer("quantity", "Liver fat by biopsy", labels=("fat_percent_biopsy",), unit="%", cutoffs=(5.0,)),
    segmentation=False,
    regions=(
        DrawnRegion(LIVER_REGION, "Region in the liver", required=True, purpose="What the model looks at"),
        DrawnRegion(
            KIDNEY_REGION,
            "Region in the renal cortex",
            required=False,
            purpose="For the hepatorenal index, at the same depth as the region in the liver",
        ),
    ),
    heatmaps=(SIGNED_CAM,),
    implementation="LiverAILib.methods.byra2021.region.method:Byra2021Region",
    trainer="LiverAILib.methods.byra2021.region.trainer:train_byra2021_region",
    training_options=frozenset({"backbone", "encoder_weights"}),
)
