"""Nowak 2021: cirrhosis on T2-weighted MRI (Eur Radiol 31:8807)."""
