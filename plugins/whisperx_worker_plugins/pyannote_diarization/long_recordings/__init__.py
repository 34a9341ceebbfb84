"""pyannote's clustering of long recordings, in memory that is linear in their length."""
