"""The small Russian Whisper: features, windows, network, training, export."""
