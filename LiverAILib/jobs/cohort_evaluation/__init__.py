"""A model or a run evaluated on a cohort, from the manifest to the report."""
