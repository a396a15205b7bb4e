"""The training options that mean something to a segmentation model."""

TRAINING_OPTIONS = frozenset(("encoder_weights",))
"""Those of `training.options.METHOD_SPECIFIC` that its training understands."""
