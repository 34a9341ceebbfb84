"""The small speaker encoder: recordings, teacher, student, training."""
