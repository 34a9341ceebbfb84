"""Word times by forced alignment with a wav2vec2 CTC model; long segments become sentences.

The modules in the order of their steps:

- `checkpoints`, `torchaudio_bundles`, `acoustic_model`: choose, find and load the acoustic model.
- `transcript_alignment`: aligns a whole transcript, by all of the following.
- `text`: words, sentences and tokens of a segment's text; `verbalisation`: spoken forms of numbers and signs.
- `alignment_groups`: which segments are aligned as one text; `emissions`: the model's output for their audio.
- `ctc`: the best path of tokens through emissions.
- `group_alignment`: aligns the texts of a group; `placement`: where in its audio each text is;
  `utterance_verification`: whether a text is there at all.
- `word_gaps`, `word_times`: times and scores of words.
- `vad_clamp`: clamps words to the detector's speech intervals, and finds speech without words.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import (
    ModelName,
    ModelRequirement,
    Span,
    WorkerError,
    hookimpl,
    intervals,
    torch_device,
    torch_stage,
)
from whisperx_worker_plugins._shared.model_requirements import with_production_model
from whisperx_worker_plugins.wav2vec2_alignment import checkpoints, torchaudio_bundles
from whisperx_worker_plugins.wav2vec2_alignment.pinned_model import PINNED_MODEL
from whisperx_worker_plugins.wav2vec2_alignment.transcript_alignment import align_transcript, warn_unaligned_speech
from whisperx_worker_plugins.wav2vec2_alignment.vad_clamp import clamp_segment, unaligned_speech

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from whisperx_worker import Audio, Job, ModelCache, Settings, Transcript
    from whisperx_worker_plugins.wav2vec2_alignment.acoustic_model import AcousticModel


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName | None = None
    """Alignment model in place of the operator's, or of the language's default."""


@hookimpl
def register_options() -> type[Options]:
    """Return the options: jobs may name their alignment model."""
    return Options


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the operator's alignment model, or the Russian one; torchaudio's bundles on request."""
    name = settings.align_model or PINNED_MODEL.name
    others = [
        torchaudio_bundles.bundle_requirement(bundle, settings, checkpoints.LAZY_IMPORTS, on_request=bundle != name)
        for bundle in torchaudio_bundles.BUNDLES
    ]
    if name in torchaudio_bundles.BUNDLES:
        return [*others, PINNED_MODEL]
    configured = with_production_model(
        ModelRequirement(
            name,
            "align",
            (*checkpoints.REQUIRED_FILES, "model.safetensors|pytorch_model.bin"),
            libraries=("transformers", "torch"),
            imports=checkpoints.LAZY_IMPORTS,
            unused=("flax_model.msgpack", "tf_model.h5", "language_model/*", "*.onnx"),
        ),
        PINNED_MODEL,
    )
    return [*configured, *others]


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the operator's alignment model, or the Russian one."""
    with _borrowed(checkpoints.choose_model_name("ru", None, settings), models, settings, None):
        pass


@hookimpl
def align(audio: Audio, transcript: Transcript, job: Job, options: Options | None) -> Transcript:
    """Give every word its times, and cut segments into sentences.

    A segment that cannot be aligned keeps its times and has no words; a warning has the reason.

    Raises:
        WorkerError: When the text is a translation, or there is no model for the language, or it cannot be loaded.
    """
    if not transcript.segments:
        return transcript
    if job.request.task == "translate":
        raise WorkerError("a translation cannot be aligned, since its words are not in the recording")
    name = checkpoints.choose_model_name(transcript.language, options.model if options else None, job.settings)
    with _borrowed(name, job.models, job.settings, job.request.huggingface_access_token) as model:
        aligned = align_transcript(audio, transcript, job, model)
    sentences = tuple(clamp_segment(sentence, transcript.speech) for sentences in aligned for sentence in sentences)
    text = intervals.merge(Span(segment.start, segment.end) for segment in transcript.segments)
    warn_unaligned_speech(unaligned_speech(sentences, text, transcript.speech), job)
    return replace(transcript, segments=sentences)


@contextmanager
def _borrowed(name: str, models: ModelCache, settings: Settings, token: SecretStr | None) -> Iterator[AcousticModel]:
    device = torch_device(settings)
    checkpoint = checkpoints.find(name, settings, token)
    key = ("wav2vec2_alignment", checkpoint.name, str(checkpoint.folder), device)
    load = lambda: checkpoints.load(checkpoint, device)  # noqa: E731
    with models.use(key, load, checkpoint.size_mb) as model, torch_stage("align", device):
        yield model
