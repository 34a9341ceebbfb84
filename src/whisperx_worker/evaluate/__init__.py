"""Measurement of results against references."""
