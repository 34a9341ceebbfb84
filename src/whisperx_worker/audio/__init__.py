"""Recordings: fetched, decoded and mixed to 16 kHz mono."""
