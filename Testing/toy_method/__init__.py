"""A toy method: the brightness of three single images, from the mean of each cell of a coarse grid.

It has what the methods in the box do not: two images in one role and one in another, no segmentation, a quantity, a signed map.
`LIVERAI_METHODS=Testing.toy_method` registers it.
"""

from LiverAILib.data.outcome import SIGNED_CAM
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SPEC = MethodSpec(
    name="toy",
    title="Brightness of ultrasound views",
    paper="No paper: an example for tests.",
    images=(
        ImageRole("view", "Ultrasound view", "US", minimum=2, maximum=2, dimensions=2),
        ImageRole("reference", "Reference image", "US", dimensions=2),
    ),
    answer=Answer("quantity", "Brightness", labels=("brightness_percent",), unit="%", cutoffs=(50.0,)),
    segmentation=False,
    heatmaps=(SIGNED_CAM,),
    implementation="Testing.toy_method.method:ToyMethod",
    trainer="Testing.toy_method.trainer:train_toy",
)
