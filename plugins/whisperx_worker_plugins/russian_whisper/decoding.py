"""Decoding of chunks in batches: encoder, with and without timestamps, temperature fallback and word times.

Whisper reads better without timestamps, and skips more. So the first pass reads each chunk without them, and with them
where that text seems incomplete; later passes, which look for what was skipped, read with them. A model that knows no
timestamps does not close a text with one, and then the reading without them counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import Segment, in_batches, intervals
from whisperx_worker_plugins._shared.whisper.encoder_states import encode_spectrograms, select_items
from whisperx_worker_plugins._shared.whisper.spectrogram import join_samples, log_mel_spectrogram
from whisperx_worker_plugins.russian_whisper.attention_alignment import ChunkText, align_batch, needs_word_times
from whisperx_worker_plugins.russian_whisper.prompt import prompt_for_job
from whisperx_worker_plugins.russian_whisper.temperature_fallback import decode_with_fallback, temperature_ladder
from whisperx_worker_plugins.russian_whisper.text_generation import TextGenerator
from whisperx_worker_plugins.russian_whisper.text_review import review_texts
from whisperx_worker_plugins.russian_whisper.text_timing import TimestampWriter
from whisperx_worker_plugins.russian_whisper.thresholds import is_complete, is_silence, repeats
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import closes_in_time, cut_segments
from whisperx_worker_plugins.russian_whisper.tokenizer import make_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Audio, Job, Seconds, Span
    from whisperx_worker_plugins._shared.whisper.library_types import EncoderStates, Whisper
    from whisperx_worker_plugins.russian_whisper.attention_alignment import SegmentWords
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_MIN_SPEECH_FOR_PROMPT_S: Seconds = 3.0
"""In chunks with less speech the model tends to output the prompt."""


class Pass(Enum):
    """Pass over the recording that chunks are decoded in."""

    FIRST = "first"
    """All speech, with the job's prompt and hotwords."""
    AGAIN = "again"
    """Speech without enough text."""
    FAINT = "faint"
    """Sound that may be speech, without temperature fallback."""


def decode_chunks(  # noqa: PLR0913  the inputs of decoding
    whisper: Whisper,
    audio: Audio,
    chunks: Sequence[Chunk],
    speech: Sequence[Span],
    language: str,
    job: Job,
    which: Pass = Pass.FIRST,
) -> list[DecodedChunk]:
    """Decode all chunks in batches, with temperature fallback for those that repeat themselves.

    Chunks with little speech, and those whose text is an echo of the prompt, are decoded without the job's prompt and
    hotwords.

    Args:
        whisper: The model.
        audio: The recording.
        chunks: The chunks.
        speech: Speech intervals.
        language: ISO code.
        job: For the request's decoding fields and the worker's thresholds.
        which: Pass over the recording.

    Returns:
        One for each chunk, in order, with timestamp tokens.
    """
    tokenizer = make_tokenizer(whisper, language, job.request.task)
    prompt = prompt_for_job(whisper, tokenizer, job) if which is Pass.FIRST else None
    generator = TextGenerator(whisper, tokenizer, prompt, job.request, job.settings)
    decoder = _BatchDecoder(generator, audio, speech, job, which)
    return in_batches(chunks, job.request.batch_size, decoder.decode, job, "transcribe")


@dataclass(frozen=True)
class _BatchDecoder:
    """Text generator and recording of one job."""

    generator: TextGenerator
    audio: Audio
    speech: Sequence[Span]
    job: Job
    which: Pass

    def decode(self, chunks: Sequence[Chunk]) -> list[DecodedChunk]:
        """Encode and decode a batch of chunks."""
        whisper = self.generator.whisper
        mels = [log_mel_spectrogram(whisper, join_samples(self.audio, chunk.parts)) for chunk in chunks]
        states = encode_spectrograms(whisper, np.stack(mels))
        speech_s = [intervals.seconds_within(self.speech, chunk.start, chunk.end) for chunk in chunks]
        decoded = self._reviewed(states, chunks, speech_s, self._read(states, speech_s))
        if self.which is not Pass.FAINT:
            self._report(chunks, decoded)
        finishers = {False: self._write_timestamps}
        if needs_word_times(self.job.request):
            finishers[True] = self._add_words
        timed = dict(enumerate(decoded))
        for has_timestamps, finish in finishers.items():
            own = [index for index, chunk in enumerate(decoded) if chunk.has_timestamps is has_timestamps]
            if own:
                finished = finish(select_items(states, own), [chunks[i] for i in own], [decoded[i] for i in own])
                timed.update(zip(own, finished, strict=True))
        return [timed[index] for index in range(len(chunks))]

    def _reviewed(
        self, states: EncoderStates, chunks: Sequence[Chunk], speech_s: Sequence[Seconds], read: Sequence[DecodedChunk]
    ) -> list[DecodedChunk]:
        """Return the texts as the job's plugins leave them, some of them decoded again."""

        def decode_again(indices: Sequence[int], temperature: float) -> list[DecodedChunk]:
            again: dict[int, DecodedChunk] = {}
            for timestamps in (False, True):
                own = [index for index in indices if read[index].has_timestamps is timestamps]
                if own:
                    part, own_s = select_items(states, own), [speech_s[index] for index in own]
                    made = self._generate(part, own_s, timestamps=timestamps, temperatures=[temperature])
                    again.update(zip(own, made, strict=True))
            return [again[index] for index in indices]

        return review_texts(chunks, read, self._temperatures(fallback=True), decode_again, self.job)

    def _report(self, chunks: Sequence[Chunk], decoded: Sequence[DecodedChunk]) -> None:
        """Show the client the text that is not final yet."""
        self.job.recognised(
            [
                Segment(span.start, span.end, chunk.text)
                for span, chunk in zip(chunks, decoded, strict=True)
                if chunk.text and not is_silence(chunk, self.job.settings)
            ]
        )

    def _read(self, states: EncoderStates, speech_s: Sequence[Seconds]) -> list[DecodedChunk]:
        """Decode a batch without timestamps, with them, or both ways.

        Where the model's folder does not decide, the reading with timestamps counts that a timestamp closes in time, or
        that stands beside a loop.
        """
        whisper, settings = self.generator.whisper, self.job.settings
        if whisper.timestamps is not None:
            ladder = self._temperatures(fallback=True)
            return self._generate(states, speech_s, timestamps=whisper.timestamps, temperatures=ladder)

        def decode(indices: Sequence[int], *, timestamps: bool, fallback: bool) -> dict[int, DecodedChunk]:
            own_s = [speech_s[index] for index in indices]
            ladder = self._temperatures(fallback=fallback)
            decoded = self._generate(select_items(states, indices), own_s, timestamps=timestamps, temperatures=ladder)
            return dict(zip(indices, decoded, strict=True))

        every = range(len(speech_s))
        plain = decode(every, timestamps=False, fallback=False) if self.which is Pass.FIRST else {}
        pending = [index for index in every if index not in plain or not is_complete(plain[index], settings)]
        timed = decode(pending, timestamps=True, fallback=True) if pending else {}
        untimed = [index for index, chunk in timed.items() if chunk.text and not closes_in_time(chunk, whisper)]
        if missing := [index for index in untimed if index not in plain]:
            plain |= decode(missing, timestamps=False, fallback=False)
        rejected = {index for index in untimed if not repeats(plain[index], settings)}
        return [plain[index] if index in rejected or index not in timed else timed[index] for index in every]

    def _generate(
        self, states: EncoderStates, speech_s: Sequence[Seconds], *, timestamps: bool, temperatures: Sequence[float]
    ) -> list[DecodedChunk]:
        """Decode a batch, with or without timestamps."""
        generator = replace(self.generator, timestamps=timestamps)
        prompted = [index for index, duration_s in enumerate(speech_s) if self._may_have_prompt(duration_s)]
        return decode_with_fallback(generator, states, speech_s, prompted, temperatures, self.job)

    def _temperatures(self, *, fallback: bool) -> list[float]:
        """Return the job's temperatures, or the first one; faint speech has no other."""
        request = self.job.request
        step = request.temperature_increment_on_fallback if fallback and self.which is not Pass.FAINT else None
        return temperature_ladder(request.temperature, step)

    def _add_words(
        self, states: EncoderStates, chunks: Sequence[Chunk], decoded: Sequence[DecodedChunk]
    ) -> list[DecodedChunk]:
        """Add the words of each chunk's segments."""
        pairs = zip(chunks, decoded, strict=True)
        texts = [ChunkText(span, cut_segments(chunk, span, self.generator.whisper)) for span, chunk in pairs]
        words = self._align(states, texts)
        return [replace(chunk, words=own) for chunk, own in zip(decoded, words, strict=True)]

    def _write_timestamps(
        self, states: EncoderStates, chunks: Sequence[Chunk], decoded: Sequence[DecodedChunk]
    ) -> list[DecodedChunk]:
        """Cut texts without timestamps at their word times, which a translation does not have."""
        request, generator = self.job.request, self.generator
        is_translated = request.task == "translate"
        language = "en" if is_translated else generator.tokenizer.language_code
        writer = TimestampWriter(generator.whisper, generator.tokenizer, language, self.speech)
        texts = [
            ChunkText(span, [Segment(span.start, span.end, chunk.text)])
            for span, chunk in zip(chunks, decoded, strict=True)
        ]
        words = [() for _ in texts] if is_translated else self._align(states, texts)
        written = [
            writer.write(chunk, span, own[0] if own else ())
            for chunk, span, own in zip(decoded, chunks, words, strict=True)
        ]
        return written if needs_word_times(request) else [replace(chunk, words=()) for chunk in written]

    def _align(self, states: EncoderStates, texts: Sequence[ChunkText]) -> list[SegmentWords]:
        """Return the words of each segment of each chunk."""
        generator = self.generator
        return align_batch(
            generator.whisper,
            generator.tokenizer,
            lambda indices: select_items(states, indices),
            texts,
            self.speech,
            self.job,
        )

    def _may_have_prompt(self, speech_s: Seconds) -> bool:
        return self.generator.prompt is not None and speech_s >= _MIN_SPEECH_FOR_PROMPT_S
