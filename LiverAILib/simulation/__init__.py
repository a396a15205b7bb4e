"""Procedural cases with known truth: no real image, shape, atlas or texture goes into them."""

from LiverAILib.simulation.cohort import simulate_cohort
from LiverAILib.simulation.t2_mr import SimulatedCase, simulate_t2_mr

__all__ = ["SimulatedCase", "simulate_cohort", "simulate_t2_mr"]
