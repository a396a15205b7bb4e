"""Experiments: a method trained and evaluated on a cohort, from the manifest to a model folder and a report."""

from LiverAILib.experiment.train import train

__all__ = ["train"]
