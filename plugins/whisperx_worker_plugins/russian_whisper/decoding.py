"""Chunks of speech become text, in batches; the temperature ladder and the thresholds apply to each chunk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import BadInputError, Segment, in_batches, intervals
from whisperx_worker_plugins.russian_whisper import phantoms, segments
from whisperx_worker_plugins.russian_whisper.attention_alignment import Text, are_wanted, words_of_batch
from whisperx_worker_plugins.russian_whisper.encoded import MAX_CHUNKS_ON_CPU, encode, perturbed, rows
from whisperx_worker_plugins.russian_whisper.prompt import Prompt, budget, fit
from whisperx_worker_plugins.russian_whisper.spectrogram import log_mel_spectrogram
from whisperx_worker_plugins.russian_whisper.whisper_model import TIMESTAMP_S, EncoderStates, Tokenizer, Whisper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker import Audio, Job, Seconds, Settings, Span
    from whisperx_worker_plugins.russian_whisper.attention_alignment import Words

_MAX_TEMPERATURE = 1.0
_CANDIDATES = 5
"""Of each chunk at a temperature above 0."""
_LONGEST_FIRST_SILENCE_S: Seconds = 1.0
_LEAST_SPEECH_FOR_PROMPT_S: Seconds = 3.0
"""With less of it the model tends to write the prompt in place of what it hears."""


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
    words: Words = ()
    """The words of each segment that the chunk is cut into, where the job wants them."""


def decode(  # noqa: PLR0913 - the last one is named
    whisper: Whisper,
    audio: Audio,
    chunks: Sequence[Span],
    heard: Sequence[Span],
    language: str,
    job: Job,
    *,
    prompted: bool = True,
) -> list[Decoded]:
    """Decode all chunks; those that fail, and only they, again together at the next temperature.

    A chunk fails by the compression ratio and log-probability thresholds, and when its text goes round in a loop. The
    job's prompt and hotwords are kept from chunks with little speech, and from those that only repeat them.

    Args:
        whisper: The model.
        audio: The recording.
        chunks: Stretches of at most 30 s.
        heard: Where there is speech.
        language: ISO code.
        job: For the request's decoding fields and the worker's thresholds.
        prompted: Whether chunks may have the job's prompt and hotwords at all.

    Returns:
        One for each chunk, in order.
    """
    tokenizer = _tokenizer(whisper, language, job.request.task)
    given = _given_prompt(whisper, tokenizer, job) if prompted else None
    decoder = _Decoder(whisper, tokenizer, audio, heard, job, given)
    return in_batches(chunks, job.request.batch_size, decoder.decode, job, "transcribe")


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
    audio: Audio
    heard: Sequence[Span]
    job: Job
    given: Prompt | None
    """The job's prompt and hotwords, where chunks may have them."""

    def decode(self, chunks: Sequence[Span]) -> list[Decoded]:
        """Decode a batch, and climb the ladder with those of its chunks that still fail."""
        request, settings = self.job.request, self.job.settings
        mels = np.stack(
            [log_mel_spectrogram(self.whisper, self.audio.between(chunk.start, chunk.end)) for chunk in chunks]
        )
        encoded = encode(self.whisper, mels)
        tries: list[list[Decoded]] = [[] for _ in chunks]
        unprompted = {index for index, chunk in enumerate(chunks) if not self._may_be_prompted(chunk)}
        pending = list(range(len(chunks)))
        for temperature in temperatures(request.temperature, request.temperature_increment_on_fallback):
            self._attempt(encoded, pending, unprompted, temperature, tries)
            echoing = [index for index in pending if index not in unprompted and self._is_echo(tries[index][-1])]
            unprompted.update(echoing)
            for index in echoing:
                tries[index].clear()
            self._attempt(encoded, echoing, unprompted, temperature, tries)
            pending = [index for index in pending if fails(tries[index][-1], settings)]
            if not pending:
                break
        best = [_best(attempts, settings) for attempts in tries]
        self.job.recognised(
            [
                Segment(chunk.start, chunk.end, decoded.text)
                for chunk, decoded in zip(chunks, best, strict=True)
                if decoded.text and not is_silence(decoded, settings)
            ]
        )
        return self._timed(encoded, chunks, best) if are_wanted(request) else best

    def _timed(self, encoded: EncoderStates, chunks: Sequence[Span], best: Sequence[Decoded]) -> list[Decoded]:
        """Add the words of the segments that each chunk is cut into."""
        pieces = zip(chunks, best, strict=True)
        texts = [Text(chunk, segments.cut(decoded, chunk, self.whisper)) for chunk, decoded in pieces]
        words = words_of_batch(
            self.whisper, self.tokenizer, lambda some: rows(encoded, some), texts, self.heard, self.job
        )
        return [replace(decoded, words=own) for decoded, own in zip(best, words, strict=True)]

    def _attempt(
        self,
        encoded: EncoderStates,
        indices: Sequence[int],
        unprompted: set[int],
        temperature: float,
        tries: list[list[Decoded]],
    ) -> None:
        """Decode some chunks of the batch once more. In one call all prompts have the same length."""
        size = self._chunks_at_once(encoded.shape[0], temperature)
        for alike in ([i for i in indices if i not in unprompted], [i for i in indices if i in unprompted]):
            for start in range(0, len(alike), size):
                self.job.stop_if_cancelled()
                part = alike[start : start + size]
                prompt = self._prompt(given=part[0] not in unprompted)
                for index, decoded in zip(part, self._read(rows(encoded, part), prompt, temperature), strict=True):
                    tries[index].append(decoded)

    def _chunks_at_once(self, batch: int, temperature: float) -> int:
        """How many chunks of a batch are decoded in one call, so that a temperature takes no more memory than none.

        The decoder keeps keys and values of its cross-attention for each candidate, but for a beam only once.
        """
        if not temperature:
            return batch
        part = max(1, batch // _CANDIDATES)
        return min(part, MAX_CHUNKS_ON_CPU) if self.whisper.model.device == "cpu" else part

    def _read(self, encoded: EncoderStates, prompt: list[int], temperature: float) -> list[Decoded]:
        """The best text of each item: of a beam, or of candidates.

        CTranslate2 cannot seed its sampling: the generator of its thread is seeded once, so each job would go on where
        the last one stopped. Candidates differ by noise in what is decoded, which is the same every time.
        """
        if not temperature:
            return list(self._generate(encoded, prompt, temperature, self.job.request.beam_size))
        candidates = list(self._generate(perturbed(encoded, temperature, _CANDIDATES), prompt, temperature, 1))
        starts = range(0, len(candidates), _CANDIDATES)
        return [_best(candidates[start : start + _CANDIDATES], self.job.settings) for start in starts]

    def _generate(
        self, encoded: EncoderStates, prompt: list[int], temperature: float, beam_size: int
    ) -> Iterator[Decoded]:
        from faster_whisper.transcribe import get_suppressed_tokens

        request = self.job.request
        results = self.whisper.model.generate(
            encoded,
            [prompt] * encoded.shape[0],
            beam_size=beam_size,
            length_penalty=request.length_penalty,
            max_length=self.whisper.max_length,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(self.tokenizer, [-1])),
            max_initial_timestamp_index=round(_LONGEST_FIRST_SILENCE_S / TIMESTAMP_S),
            return_scores=True,
            return_no_speech_prob=True,
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

    def _may_be_prompted(self, chunk: Span) -> bool:
        return (
            self.given is not None
            and intervals.seconds_within(self.heard, chunk.start, chunk.end) >= _LEAST_SPEECH_FOR_PROMPT_S
        )

    def _is_echo(self, decoded: Decoded) -> bool:
        given = (self.job.request.initial_prompt, self.job.request.hotwords)
        return any(one and phantoms.echoes(decoded.text, one) for one in given)

    def _prompt(self, *, given: bool) -> list[int]:
        tokens = self.given.tokens if given and self.given else ()
        prompt: list[int] = self.whisper.get_prompt(self.tokenizer, list(tokens))
        return prompt


def _given_prompt(whisper: Whisper, tokenizer: Tokenizer, job: Job) -> Prompt:
    """The job's prompt and hotwords; the client is told where they are too long for the model."""
    most = budget(whisper.max_length, tokenizer.sot_sequence)
    prompt = fit(tokenizer, job.request.hotwords, job.request.initial_prompt, most)
    if prompt.is_cut:
        given = [name for name in ("hotwords", "initial_prompt") if getattr(job.request, name)]
        subject = " and ".join(given) + (" together are" if len(given) > 1 else " is")
        job.warn(
            f"{subject} longer than the {most} tokens that the model has for it; words at the front were left out"
            + (", those of the hotwords first" if len(given) > 1 else "")
        )
    return prompt


def fails(decoded: Decoded, settings: Settings) -> bool:
    """Whether a chunk is worth another try: its text is bad or goes round in a loop, and it is not just silence."""
    wrong = is_bad(decoded, settings) or phantoms.loop(decoded.text).suspicious
    return wrong and not is_silence(decoded, settings)


def is_sure(decoded: Decoded, settings: Settings) -> bool:
    """Whether a chunk's text is well above the thresholds."""
    return not fails(decoded, settings) and decoded.avg_logprob >= settings.logprob_threshold / 2


def _best(attempts: Sequence[Decoded], settings: Settings) -> Decoded:
    """The attempt that the model believes in most: of those that pass, else of those that do not repeat themselves."""
    passing = [attempt for attempt in attempts if not fails(attempt, settings)]
    calm = [
        attempt
        for attempt in attempts
        if attempt.compression_ratio <= settings.compression_ratio_threshold
        and not phantoms.loop(attempt.text).suspicious
    ]
    return max(passing or calm or attempts, key=lambda attempt: attempt.avg_logprob)


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
