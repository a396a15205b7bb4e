"""The embedded sample: a simulated T2 liver MR with cirrhosis, made anew from its seed wherever it is needed."""

from __future__ import annotations

from pathlib import Path

from LiverAILib.imaging.files import write_image

SAMPLE_STAGE, SAMPLE_SEED = 4, 2


def sample_image(folder: Path) -> Path:
    """The sample as a NIfTI file in `folder`; an existing one is kept."""
    path = folder / "simulated_f4.nii.gz"
    if not path.exists():
        from LiverAILib.simulation.t2_mr import simulate_t2_mr

        write_image(simulate_t2_mr(SAMPLE_STAGE, seed=SAMPLE_SEED).image, path)
    return path
