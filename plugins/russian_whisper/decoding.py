"""Chunks of speech become text, in batches; the temperature ladder and the thresholds apply to each chunk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import BadInputError
from whisperx_worker_plugins.russian_whisper.model import TIMESTAMP_S, Tokenizer, Whisper, features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job, Settings, Span

_MAX_TEMPERATURE = 1.0
_HYPOTHESES_WHEN_SAMPLING = 5
_LONGEST_FIRST_SILENCE_S = 1.0


@dataclass(frozen=True)
class Decoded:
    """What the model said of one chunk."""

    tokens: tuple[int, ...]
    """Text and timestamp tokens, without the prompt."""
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


def decode(whisper: Whisper, audio: Audio, chunks: Sequence[Span], language: str, job: Job) -> list[Decoded]:
    """Decode all chunks; those that fail a threshold, and only they, again at the next temperature.

    Args:
        whisper: The model.
        audio: The recording.
        chunks: Stretches of at most 30 s.
        language: ISO code.
        job: For the request's decoding fields and the worker's thresholds.

    Returns:
        One for each chunk, in order.
    """
    decoder = _Decoder(whisper, _tokenizer(whisper, language, job.request.task), job)
    texts: list[Decoded] = []
    for start in range(0, len(chunks), job.request.batch_size):
        batch = chunks[start : start + job.request.batch_size]
        mels = np.stack([features(whisper, audio.between(chunk.start, chunk.end)) for chunk in batch])
        texts += decoder.decode(mels, done=start / len(chunks))
    return texts


def temperatures(first: float, step: float | None) -> list[float]:
    """The ladder: the first temperature, then steps up to 1; without a step only the first."""
    ladder = [first]
    while step and round(ladder[-1] + step, 6) <= _MAX_TEMPERATURE:
        ladder.append(round(ladder[-1] + step, 6))
    return ladder


def is_silence(decoded: Decoded, settings: Settings) -> bool:
    """Whether a chunk is silence by both thresholds, as Whisper's own rule has it."""
    return decoded.no_speech_prob > settings.no_speech_threshold and decoded.avg_logprob < settings.logprob_threshold


def is_bad(decoded: Decoded, settings: Settings) -> bool:
    """Whether a chunk's text repeats itself, or the model does not believe in it."""
    return (
        decoded.compression_ratio > settings.compression_ratio_threshold
        or decoded.avg_logprob < settings.logprob_threshold
    )


@dataclass(frozen=True)
class _Decoder:
    """The model, set up for one job."""

    whisper: Whisper
    tokenizer: Tokenizer
    job: Job

    def decode(self, mels: NDArray[np.float32], done: float) -> list[Decoded]:
        """Decode a batch, and climb the ladder with those of its chunks that still fail.

        Args:
            mels: Shape (chunks, bands, 3000).
            done: Part of the job's chunks that came before, in 0..1.
        """
        request, settings = self.job.request, self.job.settings
        tries: list[list[Decoded]] = [[] for _ in mels]
        pending = list(range(len(mels)))
        for temperature in temperatures(request.temperature, request.temperature_increment_on_fallback):
            self.job.progress("transcribe", done)
            for index, decoded in zip(pending, self._generate(mels[pending], temperature), strict=True):
                tries[index].append(decoded)
            pending = [index for index in pending if fails(tries[index][-1], settings)]
            if not pending:
                break
        return [_best(attempts, settings) for attempts in tries]

    def _generate(self, mels: NDArray[np.float32], temperature: float) -> Iterator[Decoded]:
        from faster_whisper.transcribe import get_suppressed_tokens

        request, encoded = self.job.request, self.whisper.encode(mels)
        results = self.whisper.model.generate(
            encoded,
            [self._prompt()] * len(mels),
            length_penalty=request.length_penalty,
            max_length=self.whisper.max_length,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(self.tokenizer, [-1])),
            max_initial_timestamp_index=round(_LONGEST_FIRST_SILENCE_S / TIMESTAMP_S),
            return_scores=True,
            return_no_speech_prob=True,
            **_search(temperature, request.beam_size),
        )
        for result in results:
            tokens = tuple(result.sequences_ids[0])
            text = self.tokenizer.decode(tokens).strip()
            # CTranslate2 divides the sum by length ** penalty; Whisper's average counts the end of text too.
            summed = result.scores[0] * len(tokens) ** request.length_penalty
            yield Decoded(
                tokens=tokens,
                text=text,
                avg_logprob=float(summed / (len(tokens) + 1)),
                no_speech_prob=float(result.no_speech_prob),
                compression_ratio=compression_ratio(text),
                temperature=temperature,
            )

    def _prompt(self) -> list[int]:
        request = self.job.request
        before = self.tokenizer.encode(" " + request.initial_prompt.strip()) if request.initial_prompt else []
        prompt: list[int] = self.whisper.get_prompt(self.tokenizer, before, hotwords=request.hotwords)
        return prompt


def _search(temperature: float, beam_size: int) -> dict[str, Any]:
    """How CTranslate2 searches. Without `sampling_topk` 0 it takes the best token whatever the temperature is."""
    if not temperature:
        return {"beam_size": beam_size, "patience": 1}
    return {
        "beam_size": 1,
        "num_hypotheses": _HYPOTHESES_WHEN_SAMPLING,
        "sampling_topk": 0,
        "sampling_temperature": temperature,
    }


def fails(decoded: Decoded, settings: Settings) -> bool:
    """Whether a chunk is worth another try: its text is bad, and it is not just silence."""
    return is_bad(decoded, settings) and not is_silence(decoded, settings)


def _best(attempts: list[Decoded], settings: Settings) -> Decoded:
    """The attempt that passed; else, of those that do not repeat themselves, the one the model believes in most."""
    if not fails(attempts[-1], settings):
        return attempts[-1]
    calm = [attempt for attempt in attempts if attempt.compression_ratio <= settings.compression_ratio_threshold]
    return max(calm or attempts, key=lambda attempt: attempt.avg_logprob)


def compression_ratio(text: str) -> float:
    """How much smaller zlib makes the text: repetition compresses well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _tokenizer(whisper: Whisper, language: str, task: str) -> Tokenizer:
    from faster_whisper import tokenizer

    if whisper.model.is_multilingual and whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
        raise BadInputError(f"the model does not know the language {language!r}")
    if not whisper.model.is_multilingual and language != "en":
        raise BadInputError(f"the model knows only English, not {language!r}")
    return tokenizer.Tokenizer(whisper.hf_tokenizer, whisper.model.is_multilingual, task=task, language=language)
