"""pyannote's clustering of long recordings, in memory that grows with their length and not with its square."""
