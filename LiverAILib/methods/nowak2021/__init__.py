"""Nowak 2021: cirrhosis on T2-weighted MRI."""

from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SPEC = MethodSpec(
    name="nowak2021",
    title="Cirrhosis on T2-weighted MRI",
    paper="Nowak S, Mesropyan N, Faron A, et al. Detection of liver cirrhosis in standard T2-weighted MRI using deep transfer "
    "learning. Eur Radiol 31 (2021).",
    images=(ImageRole("t2", "T2-weighted MR", "MR"),),
    answer=Answer("classes", "Cirrhosis"),
    slices=True,
    looks_at={"segmented": "the segmented liver alone", "full": "the whole slice"},
    implementation="LiverAILib.methods.nowak2021.method:Nowak2021",
    trainer="LiverAILib.methods.nowak2021.trainer:train_nowak2021",
    out_of_distribution="LiverAILib.methods.nowak2021.out_of_distribution:cohort_distribution",
    simulation="mr",
    paper_section="LiverAILib.methods.nowak2021.paper_section:SECTION",
    training_options=frozenset(
        {
            "extended",
            "classes",
            "head",
            "frozen_views",
            "class_balance",
            "segmentation_model",
            "validation_masks",
            "calibrate",
            "full_image_size",
            "full_batch_size",
            "encoder_weights",
            "backbone",
            "backbone_groups",
            "evidence_penalty",
        }
    ),
)
