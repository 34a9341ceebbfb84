"""The shipped diarization folder, and its error rates beside those of pyannote."""
