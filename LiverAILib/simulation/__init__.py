"""Procedural cases with known truth: no real image, shape, atlas or texture goes into them.

`planted` puts the signs of disease into real scans that the caller gives; it holds none.
"""

from LiverAILib.simulation.cohort import simulate_cohort
from LiverAILib.simulation.ct import simulate_ct
from LiverAILib.simulation.patient import SimulatedCase
from LiverAILib.simulation.t2_mr import simulate_t2_mr

__all__ = ["SimulatedCase", "simulate_cohort", "simulate_ct", "simulate_t2_mr"]
