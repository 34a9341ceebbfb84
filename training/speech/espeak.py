"""Speech of eSpeak NG, used as a library in this process."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from training.speech.utterance import Span, Spoken, SynthesisError, Voice, finish, word_positions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class _EspeakEvent(ctypes.Structure):
    class _Id(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class Espeak:
    """The eSpeak NG library.

    A word ends where the next one or a pause begins; eSpeak NG reports pauses as phonemes.
    """

    _WORD, _END, _PHONEME = 1, 5, 7
    _PITCH, _RATE = 3, 1
    _CALLBACK = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EspeakEvent)
    )

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate_hz: int = self._library.espeak_Initialize(2, 0, None, 1)
        self._callback = self._CALLBACK(self._on_sound)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pieces: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, int, float, bytes]] = []

    def _on_sound(
        self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_EspeakEvent]
    ) -> int:
        if samples:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        index = 0
        while events[index].type:
            event = events[index]
            name = event.id.string if event.type == self._PHONEME else b""
            self._events.append((event.type, event.text_position - 1, event.sample / self._rate_hz, name))
            index += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Spoken:
        """Synthesise a text.

        Raises:
            SynthesisError: A word has no times.
        """
        self._pieces, self._events = [], []
        self._library.espeak_SetVoiceByName(f"ru+{voice.base}".encode())
        self._library.espeak_SetParameter(self._RATE, round(165 * voice.rate), 0)
        self._library.espeak_SetParameter(self._PITCH, min(99, round(50 * voice.pitch)), 0)
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, 1, None, None)
        spans = list(self._spans(text))
        wave = np.concatenate(self._pieces) * np.float32(1 / 32_768)
        return finish(wave, self._rate_hz, spans, voice.formants)

    def _spans(self, text: str) -> Iterator[Span]:
        positions = word_positions(text)
        starts = {at: time for kind, at, time, _ in self._events if kind == self._WORD}
        if not starts.keys() >= set(positions):
            raise SynthesisError(f"espeak: {len(starts)} words were timed in {text!r}")
        stops = [
            time
            for kind, _, time, name in self._events
            if kind in (self._WORD, self._END) or (kind == self._PHONEME and (not name or name.startswith(b"_")))
        ]
        total_s = sum(map(len, self._pieces)) / self._rate_hz
        for at in positions:
            yield starts[at], min((stop for stop in stops if stop > starts[at] + 0.01), default=total_s)
