"""Transcribes the shipped dialogue through the RunPod handler with the shipped models, and prints the answer."""

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


def main() -> None:
    """Print segments with their words' times, and how many words are wrong."""
    reference = json.loads((HERE / "dialogue.json").read_text(encoding="utf-8"))["text"]
    job = {
        "id": "demo",
        "input": {
            "audio_base64": base64.b64encode((HERE / "dialogue.flac").read_bytes()).decode(),
            "model": "demo-whisper-ru",
            "align_output": True,
            "plugins": {"wav2vec2_alignment": {"model": "demo-wav2vec2-ru"}},
            "debug": True,
        },
    }
    began = time.perf_counter()
    response = asyncio.run(handler(job))
    took_s = time.perf_counter() - began
    if "error" in response:
        raise SystemExit(f"the job failed: {response['error']}")
    for segment in response["segments"]:
        print(f"{segment['start']:6.2f} {segment['end']:6.2f}  {segment['text']}")
        print(" " * 15, "  ".join(f"{word['word']} {word['start']:.2f}" for word in segment.get("words", [])))
    for warning in response["warnings"]:
        print("warning:", warning)
    heard = " ".join(segment["text"] for segment in response["segments"])
    wer = jiwer.wer(plain(reference), plain(heard))
    language, probability = response["detected_language"], response["language_probability"]
    print(
        f"\nlanguage {language} ({probability:.2f}), word error rate {wer:.1%}, {took_s:.1f} s with loading the models"
    )


def plain(text: str) -> str:
    """Lower-case words without punctuation, ё as е: what a word error rate is counted on."""
    return " ".join(re.findall(r"[\w-]+", text.lower().replace("ё", "е")))


if __name__ == "__main__":
    main()
