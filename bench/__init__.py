"""Measures this worker beside whisperX and faster-whisper, all with the shipped models."""
