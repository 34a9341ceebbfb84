"""Text generation by CTranslate2: beam search at temperature 0, perturbed candidates above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.whisper.encoder_states import MAX_CHUNKS_ON_CPU, perturb_states
from whisperx_worker_plugins._shared.whisper.library_types import TIMESTAMP_S, EncoderStates, Tokenizer, Whisper
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk, compression_ratio
from whisperx_worker_plugins.russian_whisper.thresholds import pick_best

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker import Request, Seconds, Settings
    from whisperx_worker_plugins.russian_whisper.prompt import Prompt

_CANDIDATES = 3
"""Candidates of each chunk at a temperature above 0; five read no better, and take longer."""
_MAX_FIRST_TIMESTAMP_S: Seconds = 1.0


@dataclass(frozen=True)
class TextGenerator:
    """Model, tokenizer and prompt of one job."""

    whisper: Whisper
    tokenizer: Tokenizer
    prompt: Prompt | None
    """Prompt and hotwords of the job, where chunks may have them."""
    request: Request
    settings: Settings
    timestamps: bool = True
    """Whether the text has timestamp tokens."""

    def generate(
        self, states: EncoderStates, speech_s: Sequence[Seconds], temperature: float, *, prompted: bool
    ) -> list[DecodedChunk]:
        """Generate the text of each item, the best one of a beam or of the candidates.

        CTranslate2 cannot seed its sampling: the generator of a thread is seeded at its start, and each job would
        continue where the previous one stopped. Candidates come from noise in the encoder states instead, which is
        reproducible.

        Args:
            states: Shape (items, states, width).
            speech_s: Duration of the detected speech of each item.
            temperature: In 0..1.
            prompted: Whether the items are decoded with the job's prompt.
        """
        tokens = self._prompt_tokens(prompted=prompted)
        if not temperature:
            return list(self._run_model(states, speech_s, tokens, temperature, self.request.beam_size))
        perturbed = perturb_states(states, temperature, _CANDIDATES)
        repeated_s = [duration_s for duration_s in speech_s for _ in range(_CANDIDATES)]
        candidates = list(self._run_model(perturbed, repeated_s, tokens, temperature, 1))
        starts = range(0, len(candidates), _CANDIDATES)
        return [pick_best(candidates[start : start + _CANDIDATES], self.settings) for start in starts]

    def max_items(self, batch: int, temperature: float) -> int:
        """Return how many items of a batch to decode in one call.

        The decoder keeps keys and values of its cross-attention for each candidate, but only one copy for a beam. In
        smaller parts, candidates take no more memory than a beam search.
        """
        if not temperature:
            return batch
        part = max(1, batch // _CANDIDATES)
        return min(part, MAX_CHUNKS_ON_CPU) if self.whisper.model.device == "cpu" else part

    def _run_model(
        self,
        states: EncoderStates,
        speech_s: Sequence[Seconds],
        prompt: list[int],
        temperature: float,
        beam_size: int,
    ) -> Iterator[DecodedChunk]:
        from faster_whisper.transcribe import get_suppressed_tokens

        results = self.whisper.model.generate(
            states,
            [prompt] * states.shape[0],
            beam_size=beam_size,
            length_penalty=self.request.length_penalty,
            max_length=self.whisper.max_length,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(self.tokenizer, [-1])),
            max_initial_timestamp_index=round(_MAX_FIRST_TIMESTAMP_S / TIMESTAMP_S),
            return_scores=True,
            return_no_speech_prob=True,
        )
        for result, duration_s in zip(results, speech_s, strict=True):
            tokens = tuple(result.sequences_ids[0])
            text = self.tokenizer.decode(tokens).strip()
            # CTranslate2 divides the sum by length ** penalty; Whisper's average counts the end of text too.
            logprob_sum = result.scores[0] * len(tokens) ** self.request.length_penalty
            yield DecodedChunk(
                tokens=tokens,
                text=text,
                avg_logprob=float(logprob_sum / (len(tokens) + 1)),
                no_speech_prob=float(result.no_speech_prob),
                compression_ratio=compression_ratio(text, duration_s),
                temperature=temperature,
                speech_s=duration_s,
                has_timestamps=self.timestamps,
            )

    def _prompt_tokens(self, *, prompted: bool) -> list[int]:
        """Return the decoder's start sequence, after the prompt where there is one."""
        tokens = self.prompt.tokens if prompted and self.prompt else ()
        prompt: list[int] = self.whisper.get_prompt(
            self.tokenizer, list(tokens), without_timestamps=not self.timestamps
        )
        return prompt
