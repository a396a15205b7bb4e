"""Fibrosis planted in real healthy scans by deformation and texture; the scans come from the caller, none is kept here."""

from LiverAILib.simulation.planted.plant import plant_fibrosis, untouched
from LiverAILib.simulation.planted.scan import SourceScan

__all__ = ["SourceScan", "plant_fibrosis", "untouched"]
