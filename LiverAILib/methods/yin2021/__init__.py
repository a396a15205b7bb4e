"""Yin 2021: fibrosis stages F0-F4 on portal venous CT."""
