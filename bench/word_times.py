"""Times of the words of clean clips, by the attention of Whisper base; kept in `build`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bench.real_voices import FRAME_S, speech_frames
from bench.recordings import TimedWord
from tools.lock import ROOT
from tools.real_models import SHA256, WHISPER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.real_conditions import RealRecording
    from bench.real_voices import Clip
    from whisperx_worker import Seconds, Span

    Times: TypeAlias = dict[tuple[str, str | None], tuple[TimedWord, ...]]
    """Words of clips by speaker and transcript, in seconds from the start of the clip."""

KEPT = ROOT / "build" / "real-quality" / "word-times.json"
MAX_CLIP_S: Seconds = 29.0
"""Whisper's window; a longer clip has its words spread by energy."""
STAND_IN = {"ky": "kk", "eo": "es", "zh-CN": "zh"}
"""Language tokens for languages without their own."""
MAX_WORD_S, MAX_LETTER_S = 0.1, 0.08
"""Maximum length of a word, and of each of its letters.

Attention begins a word at the start of the pause before it.
"""


def align_clips(clips: Iterable[Clip]) -> Times:
    """Return the words of all clips with a transcript, aligned once and then read."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    align: Callable[[Clip], list[TimedWord]] | None = None
    found: Times = {}
    for clip in clips:
        key = hashlib.sha256(clip.sound.tobytes() + f"{clip.text}{SHA256['model.bin']}".encode()).hexdigest()
        if clip.text and key not in kept and len(clip.words) > 1 and clip.duration_s <= MAX_CLIP_S:
            align = align or load_aligner()
            kept[key] = [(word.text, word.start, word.end) for word in align(clip)]
        words = [TimedWord(text, start, end, exact=False) for text, start, end in kept.get(key, ())]
        found[clip.speaker, clip.text] = tuple(trim(words, clip)) or clip.words
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    return found


def load_aligner() -> Callable[[Clip], list[TimedWord]]:
    """Load Whisper base for alignment."""
    from faster_whisper import WhisperModel
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer

    model = WhisperModel(str(WHISPER), device="cpu", compute_type="int8", cpu_threads=1)

    def align(clip: Clip) -> list[TimedWord]:
        language = STAND_IN.get(clip.language, clip.language)
        tokenizer = Tokenizer(model.hf_tokenizer, multilingual=True, task="transcribe", language=language)
        tokens = tokenizer.encode(" " + (clip.text or ""))
        features = model.feature_extractor(clip.sound)
        encoded = model.encode(pad_or_trim(features))
        (words,) = model.find_alignment(tokenizer, [tokens], encoded, features.shape[-1])
        return [
            TimedWord(word["word"].strip(), float(word["start"]), float(word["end"]), exact=False)
            for word in words
            if any(letter.isalnum() for letter in word["word"])
        ]

    return align


def trim(words: Iterable[TimedWord], clip: Clip) -> list[TimedWord]:
    """Limit words to a plausible length before their end, and to the frames of speech in them."""
    active = speech_frames(clip.sound)
    found = []
    for word in words:
        start = max(word.start, word.end - MAX_WORD_S - MAX_LETTER_S * len(word.text))
        first, last = int(start / FRAME_S), max(int(start / FRAME_S) + 1, round(word.end / FRAME_S))
        frames = first + np.flatnonzero(active[first:last])
        if len(frames):
            found.append(replace(word, start=float(frames[0] * FRAME_S), end=float((frames[-1] + 1) * FRAME_S)))
    return found


def with_times(recording: RealRecording, times: Times, speech: dict[tuple[str, str | None], Span]) -> RealRecording:
    """Give a recording the aligned words of its clips.

    Args:
        recording: A recording whose turns have the intervals of speech of their clips.
        times: Words of the clips.
        speech: Intervals of speech of the clips.
    """
    words = []
    for turn in recording.turns:
        if turn.text:
            at = turn.start - speech[turn.speaker, turn.text].start
            words += [
                replace(word, start=at + word.start, end=at + word.end) for word in times[turn.speaker, turn.text]
            ]
    return replace(recording, words=tuple(words))
