"""A voiceprint is read back exactly, and one that is damaged, or no voiceprint, is refused."""

from __future__ import annotations

import numpy as np
import pytest

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.voiceprint import Voiceprint, read_voiceprint, write_voiceprint


def voiceprint(dimension=192, speech_s=12.5):
    vector = np.random.default_rng(3).normal(size=dimension).astype(np.float32)
    return Voiceprint(vector / np.linalg.norm(vector), "спикер/модель", "0f99f2d0", speech_s)


def test_a_voiceprint_is_read_back_exactly():
    made = voiceprint()
    read = read_voiceprint(write_voiceprint(made))
    assert (read.embedding == made.embedding).all()
    assert (read.model, read.revision, read.speech_s) == ("спикер/модель", "0f99f2d0", 12.5)


def test_a_voiceprint_shows_no_embedding_when_it_is_printed():
    assert "0." not in repr(voiceprint()).replace("0f99f2d0", "").replace("12.5", "")


@pytest.mark.parametrize("place", range(0, 1000, 37))
def test_one_changed_letter_anywhere_is_found(place):
    text = write_voiceprint(voiceprint())
    at = len("voiceprint1_") + place
    changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    with pytest.raises(BadInputError):
        read_voiceprint(changed)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no voiceprint"),
        ("Anna", "is no voiceprint"),
        ("voiceprint2_AAAA", "is a voiceprint of a version that this worker does not know"),
        ("voiceprint1_", "is damaged or cut off"),
        ("voiceprint1_привет", "is damaged or cut off"),
        ("voiceprint1_AAAA====", "is damaged or cut off"),
        (write_voiceprint(voiceprint())[:-8], "is damaged or cut off"),
        (write_voiceprint(voiceprint()) + "AAAA", "is damaged or cut off"),
        (write_voiceprint(voiceprint(speech_s=float("nan"))), "has no embedding of length 1"),
    ],
)
def test_what_is_no_voiceprint_gets_its_sentence(text, sentence):
    with pytest.raises(BadInputError, match=f"^{sentence}$"):
        read_voiceprint(text)
