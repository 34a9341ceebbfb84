"""Temperature fallback: failing chunks are decoded again at rising temperatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.whisper.encoder_states import select_items
from whisperx_worker_plugins.russian_whisper.hallucinations import is_prompt_echo
from whisperx_worker_plugins.russian_whisper.thresholds import needs_retry, pick_best

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker import Job, Request, Seconds
    from whisperx_worker_plugins._shared.whisper.library_types import EncoderStates
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
    from whisperx_worker_plugins.russian_whisper.text_generation import TextGenerator

_MAX_TEMPERATURE = 1.0


def temperature_ladder(first: float, step: float | None) -> list[float]:
    """Return the temperatures from the first up to 1; without a step, only the first."""
    ladder = [first]
    while step and round(ladder[-1] + step, 6) <= _MAX_TEMPERATURE:
        ladder.append(round(ladder[-1] + step, 6))
    return ladder


def decode_with_fallback(  # noqa: PLR0913  the inputs of a batch
    generator: TextGenerator,
    states: EncoderStates,
    speech_s: Sequence[Seconds],
    prompted: Iterable[int],
    temperatures: Sequence[float],
    job: Job,
) -> list[DecodedChunk]:
    """Decode a batch, retry its failing chunks at each temperature and pick the best attempts.

    A chunk whose text is an echo of the prompt is decoded again at the same temperature, without the prompt.

    Args:
        generator: The job's text generator.
        states: Encoder states of the batch, shape (chunks, states, width).
        speech_s: Duration of the detected speech of each chunk.
        prompted: Indices of the chunks that are decoded with the job's prompt.
        temperatures: The first one, and those at which failing chunks are decoded again.
        job: For the request, the thresholds and cancellation.

    Returns:
        One for each chunk, in order.
    """
    attempts: list[list[DecodedChunk]] = [[] for _ in range(states.shape[0])]
    with_prompt = set(prompted)
    pending: list[int] = list(range(len(attempts)))
    for temperature in temperatures:
        _attempt(generator, states, speech_s, pending, with_prompt, temperature, attempts, job)
        echoes = [index for index in pending if index in with_prompt and _is_echo(attempts[index][-1], job.request)]
        with_prompt.difference_update(echoes)
        for index in echoes:
            attempts[index].clear()
        _attempt(generator, states, speech_s, echoes, with_prompt, temperature, attempts, job)
        pending = [index for index in pending if needs_retry(attempts[index][-1], job.settings)]
        if not pending:
            break
    return [pick_best(tried, job.settings) for tried in attempts]


def _attempt(  # noqa: PLR0913  one round of the loop above
    generator: TextGenerator,
    states: EncoderStates,
    speech_s: Sequence[Seconds],
    indices: Sequence[int],
    with_prompt: set[int],
    temperature: float,
    attempts: list[list[DecodedChunk]],
    job: Job,
) -> None:
    """Decode some chunks of a batch and append the results to their attempts.

    All prompts of one call must have the same length.
    """
    size = generator.max_items(states.shape[0], temperature)
    for prompted in (True, False):
        same_prompt = [index for index in indices if (index in with_prompt) is prompted]
        for start in range(0, len(same_prompt), size):
            job.stop_if_cancelled()
            part = same_prompt[start : start + size]
            part_s = [speech_s[index] for index in part]
            decoded = generator.generate(select_items(states, part), part_s, temperature, prompted=prompted)
            for index, chunk in zip(part, decoded, strict=True):
                attempts[index].append(chunk)


def _is_echo(chunk: DecodedChunk, request: Request) -> bool:
    prompts = (request.initial_prompt, request.hotwords)
    return any(prompt and is_prompt_echo(chunk.text, prompt) for prompt in prompts)
