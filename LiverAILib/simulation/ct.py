"""One simulated portal venous CT of the upper abdomen with everything that is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from LiverAILib.imaging.image import Image
from LiverAILib.simulation.ct_attenuation import CtCanvas, acquire_ct, draw_attenuation, draw_ct_scanner
from LiverAILib.simulation.patient import SimulatedCase, draw_patient, paint_patient, simulated_case


def simulate_ct(
    stage: int, *, seed: int, size: Sequence[int] = (256, 256, 48), spacing: Sequence[float] = (1.5, 1.5, 5.0)
) -> SimulatedCase:
    """Simulates one examination.

    The same seed gives the same patient and scanner at every stage, and the same patient as `simulate_t2_mr`. The usual matrix
    of 512 x 512 (pixels of 0.6 to 0.9 mm) takes four times as long.

    Args:
        stage: Fibrosis stage 0 to 4 (METAVIR).
        seed: Whole number, 0 or larger; the only source of chance.
        size: Voxels along (i, j, k), at least (48, 48, 8).
        spacing: Voxel distance in mm along (i, j, k).

    Raises:
        UserError: Stage, seed, size or spacing cannot be used.
    """
    patient = draw_patient(stage, seed=seed, size=size, spacing=spacing)
    scanner = draw_ct_scanner(patient.rngs["ct_scanner"])
    canvas = CtCanvas(patient.grid, draw_attenuation(scanner, patient.rngs["attenuation"]))
    truth = paint_patient(canvas, patient)
    image = Image(
        array=acquire_ct(canvas, scanner, patient.rngs["ct_noise"]),
        spacing=patient.grid.spacing,
        origin=patient.grid.origin,
        modality="CT",
        meta={"series_description": "simulated portal venous CT"},
    )
    return simulated_case(image, truth, patient, asdict(scanner))
