"""Ultrasound pictures of the liver with known truth: speckle, attenuation, anatomy and what disease does to them."""

from LiverAILib.simulation.ultrasound.examination import (
    UltrasoundExamination,
    UltrasoundPicture,
    simulate_fat_views,
    simulate_fibrosis_pair,
)

__all__ = ["UltrasoundExamination", "UltrasoundPicture", "simulate_fat_views", "simulate_fibrosis_pair"]
