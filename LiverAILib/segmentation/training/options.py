"""The training options that mean something to a segmentation model."""

from LiverAILib.training.options import EXTENDED

TRAINING_OPTIONS = frozenset(("backbone", "context_epochs", "encoder_weights", EXTENDED))
"""Those of `training.options.METHOD_SPECIFIC` that its training understands."""
