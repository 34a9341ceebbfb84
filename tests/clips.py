"""Short recordings as bytes, for tests that need any recording at all."""

import io
import wave


def wav(seconds: float = 0.5, rate_hz: int = 16_000) -> bytes:
    """Silence as a 16-bit mono WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(bytes(2 * round(seconds * rate_hz)))
    return file.getvalue()
