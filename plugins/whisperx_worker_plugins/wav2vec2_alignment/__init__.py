"""Word times by forced alignment with a wav2vec2 CTC model; long segments become sentences."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    ModelName,
    ModelRequirement,
    OomBackoff,
    Segment,
    Span,
    WorkerError,
    hookimpl,
    intervals,
    torch_device,
    torch_stage,
)
from whisperx_worker_plugins.wav2vec2_alignment import bundles, checkpoints
from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.emissions import iter_emissions
from whisperx_worker_plugins.wav2vec2_alignment.groups import grouped
from whisperx_worker_plugins.wav2vec2_alignment.held import held, wordless
from whisperx_worker_plugins.wav2vec2_alignment.lines import Line, align_lines
from whisperx_worker_plugins.wav2vec2_alignment.texts import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

    from whisperx_worker import Audio, Job, ModelCache, Settings, Transcript
    from whisperx_worker_plugins.wav2vec2_alignment.emissions import AcousticModel
    from whisperx_worker_plugins.wav2vec2_alignment.groups import Group
    from whisperx_worker_plugins.wav2vec2_alignment.texts import Text


LINES_AT_ONCE = 32
"""Groups of segments whose paths are found together."""


class Options(BaseModel):
    """What a job may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName | None = None
    """Alignment model in place of the operator's, or of the language's default."""


@hookimpl
def register_options() -> type[Options]:
    """Jobs may name their alignment model."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """The operator's alignment model, or the Russian one; torchaudio's bundles on request."""
    name = settings.align_model or checkpoints.RUSSIAN
    others = [
        bundles.needed(bundle, settings, checkpoints.IMPORTS, on_request=bundle != name) for bundle in bundles.BUNDLES
    ]
    if name in bundles.BUNDLES:
        return others
    return [
        ModelRequirement(
            name,
            "align",
            (*checkpoints.FILES, "model.safetensors|pytorch_model.bin"),
            libraries=("transformers", "torch"),
            imports=checkpoints.IMPORTS,
            unused=("flax_model.msgpack", "tf_model.h5", "language_model/*", "*.onnx"),
        ),
        *others,
    ]


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the operator's alignment model, or the Russian one."""
    with _borrowed(checkpoints.choose("ru", None, settings), models, settings, None):
        pass


@hookimpl
def align(audio: Audio, transcript: Transcript, job: Job, options: Options | None) -> Transcript:
    """Give every word its times, and cut segments into sentences.

    A segment that cannot be aligned keeps its times and has no words; a warning says why.

    Raises:
        WorkerError: When the text is a translation, or there is no model for the language, or it cannot be loaded.
    """
    if not transcript.segments:
        return transcript
    if job.request.task == "translate":
        raise WorkerError("a translation cannot be aligned, since its words are not in the recording")
    name = checkpoints.choose(transcript.language, options.model if options else None, job.settings)
    with _borrowed(name, job.models, job.settings, job.request.huggingface_access_token) as model:
        aligned = _align(audio, transcript, job, model)
    sentences = tuple(held(sentence, transcript.speech) for sentences in aligned for sentence in sentences)
    text = intervals.merge(Span(segment.start, segment.end) for segment in transcript.segments)
    _warn_of_wordless(wordless(sentences, text, transcript.speech), job)
    return replace(transcript, segments=sentences)


def _align(audio: Audio, transcript: Transcript, job: Job, model: AcousticModel) -> list[list[Segment]]:
    """The sentences of each segment."""
    aligned = [[replace(segment, words=())] for segment in transcript.segments]
    texts: dict[int, Text] = {}
    for number, segment in enumerate(transcript.segments):
        try:
            texts[number] = read_text(segment, model.alphabet, transcript.language, audio.duration_s)
        except UnalignableError as error:
            _warn(segment, error, job)
    numbers = list(texts)
    groups = grouped([text.span for text in texts.values()], transcript.speech, audio.duration_s)
    for group, sentences in _aligned_groups(
        audio, [(group, _line(group, texts, numbers)) for group in groups], job, model
    ):
        for member, told in zip(group.members, sentences, strict=True):
            number = numbers[member]
            if isinstance(told, UnalignableError):
                _warn(transcript.segments[number], told, job)
            else:
                aligned[number] = told
    return aligned


def _line(group: Group, texts: Mapping[int, Text], numbers: Sequence[int]) -> Line:
    return Line([texts[numbers[member]] for member in group.members], group.pieces)


def _aligned_groups(
    audio: Audio, lines: Sequence[tuple[Group, Line]], job: Job, model: AcousticModel
) -> Iterator[tuple[Group, list[list[Segment] | UnalignableError]]]:
    """Each group with the sentences of its texts, in the order in which their sound is ready."""
    pieces = [(number, piece) for number, (group, _) in enumerate(lines) for piece in group.pieces]
    recordings = [audio.between(piece.start, piece.end) for _, piece in pieces]
    total = sum(len(samples) for samples in recordings)
    heard: dict[int, dict[int, NDArray[np.float32]]] = {}
    ready: list[int] = []
    done = 0
    for finished in iter_emissions(model, recordings, job.request.batch_size, OomBackoff(job, "align")):
        for index, emission in finished:
            number, _ = pieces[index]
            parts = heard.setdefault(number, {})
            parts[index] = emission
            done += len(recordings[index])
            if len(parts) == len(lines[number][1].pieces):
                ready.append(number)
        if len(ready) >= LINES_AT_ONCE or done == total:
            emissions = [[emission for _, emission in sorted(heard.pop(number).items())] for number in ready]
            found = align_lines([lines[number][1] for number in ready], emissions, model.alphabet)
            yield from ((lines[number][0], sentences) for number, sentences in zip(ready, found, strict=True))
            ready.clear()
        job.progress("align", done / total)


def _warn_of_wordless(speech: Sequence[Span], job: Job) -> None:
    """One warning however many places there are: people hesitate, laugh and breathe."""
    if len(speech) == 1:
        job.warn("speech was heard here, but no word of the text is", speech[0])
    elif speech:
        places = ", ".join(f"{span.start:.2f}-{span.end:.2f}" for span in speech)
        job.warn(f"speech was heard in {len(speech)} places, but no word of the text is there: {places} s")


def _warn(segment: Segment, error: UnalignableError, job: Job) -> None:
    job.warn(f"could not be aligned: {error}; it keeps its times", Span(segment.start, segment.end))


@contextmanager
def _borrowed(name: str, models: ModelCache, settings: Settings, token: SecretStr | None) -> Iterator[AcousticModel]:
    device = torch_device(settings)
    checkpoint = checkpoints.find(name, settings, token)
    key = ("wav2vec2_alignment", checkpoint.name, str(checkpoint.folder), device)
    load = lambda: checkpoints.load(checkpoint, device)  # noqa: E731
    with models.use(key, load, checkpoint.size_mb) as model, torch_stage("align", device):
        yield model
