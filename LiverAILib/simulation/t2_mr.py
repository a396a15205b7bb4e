"""One simulated T2-weighted, fat-suppressed MR of the liver with everything that is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from scipy import ndimage

from LiverAILib.imaging.image import Image
from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.mr_signal import acquire, draw_scanner, draw_signals
from LiverAILib.simulation.patient import SimulatedCase, draw_patient, paint_patient, simulated_case


def simulate_t2_mr(
    stage: int, *, seed: int, size: Sequence[int] = (256, 256, 36), spacing: Sequence[float] = (1.25, 1.25, 7.7)
) -> SimulatedCase:
    """Simulates one examination.

    The same seed gives the same patient and scanner at every stage, so that stages can be compared pairwise.

    Args:
        stage: Fibrosis stage 0 to 4 (METAVIR).
        seed: Whole number, 0 or larger; the only source of chance.
        size: Voxels along (i, j, k), at least (48, 48, 8).
        spacing: Voxel distance in mm along (i, j, k).

    Raises:
        UserError: Stage, seed, size or spacing cannot be used.

    Examples:
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> simulated.image.array.shape, simulated.image.modality
        ((18, 128, 128), 'MR')
        >>> int((simulated.labels.array == 1).sum() * simulated.image.voxel_volume_ml)  # mL of liver
        1223
    """
    patient = draw_patient(stage, seed=seed, size=size, spacing=spacing)
    scanner = draw_scanner(patient.rngs["scanner"])
    canvas = Canvas(patient.grid, draw_signals(scanner, patient.rngs["signal"]))
    truth = paint_patient(canvas, patient)
    body_share = ndimage.gaussian_filter(np.minimum(canvas.signal, 0.2) * 5, (0, 6, 6), truncate=2.0)
    image = Image(
        array=acquire(canvas, scanner, np.minimum(body_share, 1), patient.rngs["noise"]),
        spacing=patient.grid.spacing,
        origin=patient.grid.origin,
        modality="MR",
        meta={"series_description": "simulated T2 SPIR"},
    )
    return simulated_case(image, truth, patient, asdict(scanner))
