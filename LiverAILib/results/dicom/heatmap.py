"""A heat map of an assessment as a DICOM Parametric Map."""

from __future__ import annotations

import numpy as np
from highdicom import VOILUTFunctionValues, VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from LiverAILib.data.outcome import HeatMap
from LiverAILib.results.dicom.frames import pixel_measures, restore_frame_numbers
from LiverAILib.results.dicom.identity import Identity, private_code
from LiverAILib.results.dicom.source import SourceImage

LABEL_CHARACTERS = 16


def parametric_map(identity: Identity, source: SourceImage, heatmap: HeatMap, number: int) -> Dataset | None:
    """The raw values of a heat map, float32, in the slices from the first to the last that it is not 0 in.

    Args:
        identity: The maker.
        source: The image that the map explains, whose slices lie in a frame of reference.
        heatmap: The map, in the geometry of the image.
        number: Of the map, from 1.

    Returns:
        None where the map is 0 everywhere.
    """
    values = np.asarray(heatmap.image.array, np.float32)
    marked = np.flatnonzero(values.any(axis=(1, 2)))
    if not marked.size:
        return None
    first, end = int(marked[0]), int(marked[-1]) + 1
    values, slab = values[first:end], source.slices(first, end)
    low, high = float(min(values.min(), 0.0)), float(values.max())
    title = f"{heatmap.method} for {heatmap.target}"
    made = ParametricMap(
        slab.headers,
        np.ascontiguousarray(values),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label=heatmap.method[:LABEL_CHARACTERS],
                lut_explanation=f"{title}: {heatmap.scale}"[:64],
                unit=codes.UCUM.NoUnits,
                value_range=(low, high),
                slope=1.0,
                intercept=0.0,
                quantity_definition=private_code(heatmap.method, f"{heatmap.method} (class activation map)"),
            )
        ],
        voi_lut_transformations=[
            VOILUTTransformation(
                window_center=(low + high) / 2,
                window_width=max(high - low, 1e-6),
                voi_lut_function=VOILUTFunctionValues.LINEAR_EXACT,
            )
        ],
        pixel_measures=pixel_measures(source),
        content_label="LIVERAI",
        content_description=f"{title}, {heatmap.pipeline}"[:64],
        **identity.arguments(source, "heatmap", number, "LiverAI heat maps (research use only)"),
    )
    restore_frame_numbers(made, slab)
    identity.finish(made, source, "heatmap", number)
    return made
