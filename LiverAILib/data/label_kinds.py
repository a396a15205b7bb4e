"""What the labels of a cohort are. Imports nothing, so that a method can name them before it is loaded."""

STAGES, CIRRHOSIS = "stage", "cirrhosis"
LABEL_KINDS = (STAGES, CIRRHOSIS)
"""A fibrosis stage 0-4, or cirrhosis 0/1: the columns of a manifest that say so."""
