"""Speakers on words, and the formats of results."""
