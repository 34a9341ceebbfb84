"""Voiceprints for tests: made, damaged, and searched for in what comes out of the worker."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache

import numpy as np

from whisperx_worker.voices.voiceprint import Voiceprint, write_voiceprint


def some_voiceprint(seed=1, *, model="demo-speaker-ecapa", revision="a" * 40, dimension=192, speech_s=12.5):
    """A voiceprint of a random voice."""
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    return Voiceprint(vector / np.linalg.norm(vector), model, revision, speech_s)


def some_text(seed=1, **fields):
    return write_voiceprint(some_voiceprint(seed, **fields))


def text_without(voiceprint, **changed):
    """The text of a voiceprint with other fields, checksum included."""
    return write_voiceprint(replace(voiceprint, **changed))


@cache
def fragments(voiceprint, length=24):
    """All that may not be seen of a voiceprint: each of its fragments, and those of its base64."""
    forms = [voiceprint.removeprefix("voiceprint1_")]
    for before in range(3):
        encoded = base64.b64encode(b"?" * before + voiceprint.encode()).decode()
        forms.append(encoded[20:-8])
    return {form[start : start + length] for form in forms for start in range(len(form) - length + 1)}


def seen_of(voiceprint, text, length=24):
    """Fragments of a voiceprint in a text."""
    wanted = fragments(voiceprint, length)
    return sorted({text[start : start + length] for start in range(len(text) - length + 1)} & wanted)
