"""CTranslate2 Whisper folder: its files, the loaded model, spectrograms and encoder states."""
