"""Case, cohort, model and assessment: what goes in, what comes out, and how they are kept on disk."""
