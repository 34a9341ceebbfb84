"""Transcription of the shipped dialogue through the RunPod handler, with words, times and names."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from pathlib import Path

import jiwer

from whisperx_worker.handler import handler

HERE = Path(__file__).parent
ENROLLED = {"Анна": "anna.flac", "Иван": "ivan.flac", "Ольга": "olga.flac"}
"""People with a voice sample. Olga does not take part in the dialogue."""
MODELS = {
    "wav2vec2_alignment": {"model": "demo-wav2vec2-ru"},
    "pyannote_diarization": {"model": "demo-diarization"},
    "speaker_verification": {"model": "demo-speaker-embedding"},
}


def main() -> None:
    """Print the segments with names and word times, and the word error rate."""
    reference = json.loads((HERE / "dialogue.json").read_text(encoding="utf-8"))["text"]
    job = {
        "id": "demo",
        "input": {
            "audio_base64": in_base64("dialogue.flac"),
            "model": "demo-whisper-ru",
            "align_output": True,
            "diarization": True,
            "speaker_samples": [{"name": name, "audio_base64": in_base64(file)} for name, file in ENROLLED.items()],
            "plugins": MODELS,
            "debug": True,
        },
    }
    began = time.perf_counter()
    response = asyncio.run(handler(job))
    took_s = time.perf_counter() - began
    if "error" in response:
        raise SystemExit(f"the job failed: {response['error']}")
    for segment in response["segments"]:
        print(f"{segment['start']:6.2f} {segment['end']:6.2f}  {segment['speaker_id']}: {segment['text']}")
        print(" " * 15, "  ".join(f"{word['word']} {word['start']:.2f}" for word in segment.get("words", [])))
    print()
    for speaker in response["speakers"]:
        print(
            f"{speaker['speaker']} is {speaker['speaker_id']}: similarity {speaker['similarity']:.2f}, "
            f"runner-up {speaker['runner_up']:.2f}, {speaker['speech_s']:.1f} s of speech"
        )
    for absent in ENROLLED.keys() - {speaker["speaker_id"] for speaker in response["speakers"]}:
        print(f"{absent} is not in this recording")
    for warning in response["warnings"]:
        print("warning:", warning)
    hypothesis = " ".join(segment["text"] for segment in response["segments"])
    wer = jiwer.wer(plain(reference), plain(hypothesis))
    language, probability = response["detected_language"], response["language_probability"]
    print(
        f"\nlanguage {language} ({probability:.2f}), word error rate {wer:.1%}, {took_s:.1f} s with loading the models"
    )


def in_base64(file: str) -> str:
    """Read a file of this folder in base64, as in a request."""
    return base64.b64encode((HERE / file).read_bytes()).decode()


def plain(text: str) -> str:
    """Normalise a text for the word error rate: lower-case words without punctuation, ё as е."""
    return " ".join(re.findall(r"[\w-]+", text.lower().replace("ё", "е")))


if __name__ == "__main__":
    main()
