"""Rows about the recognition model.

They check loading, speed and memory by precision and batch, timestamps, and decoding in parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tools.gpu_check.memory import Watch, used_mb
from tools.gpu_check.setup import (
    CheckError,
    Measure,
    SkippedError,
    dialogue,
    recognition_s,
    recording,
    run_job,
    stopwatch,
)
from tools.random_models import WHISPER
from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker_plugins._shared.whisper import model_folder, spectrogram, whisper_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.gpu_check.setup import Setup

WARM_UP_S = 12.0
SPEECH_S = 20.0
PAUSE_S = 8.0
SHORT_S = 2.0
"""Speech of this length gets no prompt."""


def measure_speed(setup: Setup, compute_type: str, batch_size: int, temperature: float = 0.0) -> Iterator[Measure]:
    """Measure loading, time per minute of sound and memory of jobs for text alone."""
    refuse_unsupported(compute_type, setup.device)
    worker = open_worker(setup.settings())
    asked = {
        "compute_type": compute_type,
        "batch_size": batch_size,
        "temperature": temperature,
        "temperature_increment_on_fallback": None,
    }
    before_mb = used_mb(setup.device)
    with recording(dialogue(WARM_UP_S)) as path:
        (loaded,) = run_job(worker, path, **asked)["debug"]["models"].values()
    yield Measure("load", f"{loaded['seconds']:.1f} s")
    yield Measure("memory after a first short job", f"{used_mb(setup.device) - before_mb:,.0f} MB")
    with recording(dialogue(setup.seconds)) as path, Watch(setup.device) as watch:
        response = run_job(worker, path, **asked)
    if not response["segments"]:
        raise CheckError("the job gave no text")
    per_minute_s = recognition_s(response) / (setup.seconds / 60)
    yield Measure("per minute of sound", f"{per_minute_s:.2f} s ({60 / per_minute_s:.0f}× real time)")
    more_mb = watch.peak_mb - watch.before_mb
    yield Measure("peak above that", f"{more_mb:,.0f} MB, {more_mb / batch_size:,.0f} MB for each of a batch")


def compare_timestamps(setup: Setup) -> Iterator[Measure]:
    """Measure the encoder on one batch, and beam search with and without timestamps."""
    windows = setup.batch_size
    compute_type = "float16" if setup.device == "cuda" else "int8"
    settings = setup.settings()
    with whisper_model.use_whisper(
        ModelCache(), settings, model_folder.find_model_folder(WHISPER, settings), compute_type
    ) as whisper:
        sound = dialogue(30.0 * windows)
        bands = np.stack(
            [spectrogram.log_mel_spectrogram(whisper, part) for part in sound.reshape(windows, 30 * SAMPLE_RATE_HZ)]
        )
        token = whisper.hf_tokenizer.token_to_id
        start = [token(f"<|{name}|>") for name in ("startoftranscript", "ru", "transcribe")]
        prompts = {"with timestamps": start, "without timestamps": [*start, token("<|notimestamps|>")]}
        whisper.model.generate(whisper.encode(bands[:1]), [start], beam_size=1)
        with stopwatch() as spent:
            encoded = whisper.encode(bands)
        yield Measure(f"encoding {windows} windows", f"{spent[0]:.2f} s")
        for what, prompt in prompts.items():
            with stopwatch() as spent:
                results = whisper.model.generate(encoded, [prompt] * windows, beam_size=5)
            steps = sum(len(result.sequences_ids[0]) for result in results) / windows
            yield Measure(f"decoding them {what}", f"{spent[0]:.2f} s, {1000 * spent[0] / steps:.1f} ms a token")


def decode_parts(setup: Setup, compute_types: tuple[str, ...]) -> Iterator[Measure]:
    """Decode a part of a batch separately.

    A chunk with little speech gets no prompt, and so is decoded on its own.
    """
    speech = dialogue(SPEECH_S)
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)
    short = speech[: round(SHORT_S * SAMPLE_RATE_HZ)]
    worker = open_worker(setup.settings())
    with recording(np.concatenate([speech, pause, short])) as path:
        for compute_type in compute_types:
            try:
                refuse_unsupported(compute_type, setup.device)
            except SkippedError as error:
                yield Measure(compute_type, str(error))
                continue
            response = run_job(worker, path, compute_type=compute_type, initial_prompt="Hi", batch_size=8)
            late = [segment["start"] >= SPEECH_S + PAUSE_S / 2 for segment in response["segments"]]
            if set(late) != {False, True}:
                raise CheckError(f"in {compute_type} a part of the batch has no text")
            yield Measure(compute_type, "both parts have their text")


def refuse_unsupported(compute_type: str, device: str) -> None:
    """Refuse a precision that this device does not have.

    Raises:
        SkippedError: When CTranslate2 says so.
    """
    import ctranslate2

    if compute_type not in ctranslate2.get_supported_compute_types(device):
        raise SkippedError(f"CTranslate2 has no {compute_type} on this device")
