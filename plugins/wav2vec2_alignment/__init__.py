"""Word times by forced alignment with a wav2vec2 CTC model; long segments become sentences."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    Fitting,
    ModelName,
    NeededModel,
    Segment,
    Span,
    WorkerError,
    hookimpl,
    spans,
    torch_device,
    torch_stage,
)
from whisperx_worker_plugins.wav2vec2_alignment import bundles, checkpoints
from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.emissions import iter_emissions
from whisperx_worker_plugins.wav2vec2_alignment.held import held, wordless
from whisperx_worker_plugins.wav2vec2_alignment.lines import align_lines, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

    from whisperx_worker import Audio, Job, ModelShelf, Settings, Transcript
    from whisperx_worker_plugins.wav2vec2_alignment.emissions import AcousticModel
    from whisperx_worker_plugins.wav2vec2_alignment.lines import Line


LINES_AT_ONCE = 32
"""Segments whose paths are found together."""


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
def register_models(settings: Settings) -> list[NeededModel]:
    """The operator's alignment model, or the Russian one; torchaudio's bundles on request."""
    name = settings.align_model or checkpoints.RUSSIAN
    others = [
        bundles.needed(bundle, settings, checkpoints.IMPORTS, on_request=bundle != name) for bundle in bundles.BUNDLES
    ]
    if name in bundles.BUNDLES:
        return others
    return [
        NeededModel(
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
def warm_up(models: ModelShelf, settings: Settings) -> None:
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
    text = spans.joined(Span(segment.start, segment.end) for segment in transcript.segments)
    _warn_of_wordless(wordless(sentences, text, transcript.speech), job)
    return replace(transcript, segments=sentences)


def _align(audio: Audio, transcript: Transcript, job: Job, model: AcousticModel) -> list[list[Segment]]:
    """The sentences of each segment."""
    aligned = [[replace(segment, words=())] for segment in transcript.segments]
    lines: list[tuple[int, Line]] = []
    for number, segment in enumerate(transcript.segments):
        try:
            lines.append((number, prepare(segment, model.alphabet, transcript.language, audio.duration_s)))
        except UnalignableError as error:
            _warn(segment, error, job)
    recordings = [audio.between(line.span.start, line.span.end) for _, line in lines]
    total = sum(len(samples) for samples in recordings)
    waiting: list[tuple[int, NDArray[np.float32]]] = []
    done = 0
    for finished in iter_emissions(model, recordings, job.request.batch_size, Fitting(job, "align")):
        waiting += finished
        done += sum(len(recordings[index]) for index, _ in finished)
        if len(waiting) >= LINES_AT_ONCE or done == total:
            heard = [(*lines[index], emission) for index, emission in waiting]
            found = align_lines([line for _, line, _ in heard], [emission for *_, emission in heard], model.alphabet)
            for (number, line, _), sentences in zip(heard, found, strict=True):
                if isinstance(sentences, UnalignableError):
                    _warn(line.segment, sentences, job)
                else:
                    aligned[number] = sentences
            waiting.clear()
        job.progress("align", done / total)
    return aligned


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
def _borrowed(name: str, models: ModelShelf, settings: Settings, token: SecretStr | None) -> Iterator[AcousticModel]:
    device = torch_device(settings)
    checkpoint = checkpoints.find(name, settings, token)
    key = ("wav2vec2_alignment", checkpoint.name, str(checkpoint.folder), device)
    load = lambda: checkpoints.load(checkpoint, device)  # noqa: E731
    with models.borrow(key, load, checkpoint.size_mb) as model, torch_stage("align", device):
        yield model
