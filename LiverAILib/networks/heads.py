"""The heads of a classifier by name, importable without torch."""

HEADS = ("softmax", "corn", "fastai")
"""Independent classes, ordered ones (see `corn`), or independent classes by fastai's two layers (see `classifier`)."""
