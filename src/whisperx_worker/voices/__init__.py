"""Voices: embeddings, voiceprints and who is who. Pure: numpy, no model."""
