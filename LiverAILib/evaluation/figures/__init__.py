"""Figures fit for a paper: one style, colors that color-blind readers can tell apart, vector and PNG.

Every function takes numbers (never file names), returns a `matplotlib.figure.Figure`, and leaves matplotlib's global
state alone. `style.save` writes PNG, SVG and PDF.
"""
