"""Yin 2021: fibrosis stages F0-F4 on portal venous CT."""

from LiverAILib.data.label_kinds import STAGES
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SPEC = MethodSpec(
    name="yin2021",
    title="Fibrosis stage on portal venous CT",
    paper="Yin Y, Yakar D, Dierckx RAJO, Mouridsen KB, Kwee TC, de Haas RJ. Liver fibrosis staging by deep learning: a "
    "visual-based explanation of diagnostic decisions of the model. Eur Radiol 31 (2021).",
    images=(ImageRole("ct", "Portal venous CT", "CT"),),
    answer=Answer("classes", "Fibrosis stage", labels=(STAGES,)),
    implementation="LiverAILib.methods.yin2021.method:Yin2021",
    trainer="LiverAILib.methods.yin2021.trainer:train_yin2021",
    out_of_distribution="LiverAILib.methods.yin2021.out_of_distribution:cohort_distribution",
    simulation="ct",
    paper_section="LiverAILib.methods.yin2021.paper_section:SECTION",
    training_options=frozenset({"class_balance", "evidence_penalty", "masking", "segmentation_model"}),
)
