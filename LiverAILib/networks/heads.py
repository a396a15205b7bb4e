"""The heads of a classifier by name, importable without torch."""

HEADS = ("softmax", "corn")
"""Independent classes, or ordered ones (see `corn`)."""
