"""Explanations: class activation maps and how far they can be trusted."""
