"""The small wav2vec2 model for forced alignment."""
