"""Many cases: what computes them, what is written of them, and what a killed run leaves behind."""
