"""Evaluation of `demo-diarization` and pyannote's pipeline on the same weights, as Markdown tables.

    python -m training.diarization.evaluate [--ami FOLDER]     FOLDER: AMI half-minutes with `ami.rttm`
    python -m training.diarization.evaluate --long             dialogues of five and ten minutes, without pyannote's

Diarization error rate without a collar, overlap scored, the number of speakers not given. pyannote's pipeline is
`SpeakerDiarization` with agglomerative clustering, at the parameters of pyannote/speaker-diarization-3.1 and at the
threshold that suits it best of those below.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")

import numpy as np
import pyannote.audio
import soundfile
import torch
from numpy.typing import NDArray
from pyannote.audio import Pipeline
from pyannote.audio.core.plda import PLDA
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import Annotation, Segment, Timeline
from pyannote.database.util import load_rttm
from pyannote.metrics.diarization import DiarizationErrorRate

from tests.dialogues import CASTS, Dialogue, make_dialogue, standard_dialogues
from training.paths import MODELS, ROOT

FOLDER = MODELS / "demo-diarization"
SAMPLE = Path(pyannote.audio.__file__).parent / "sample"
RATE_HZ = 16_000
PUBLISHED_THRESHOLD = 0.7045654963945799
OTHER_THRESHOLDS = (0.5, 0.6, 0.8, 0.9, 1.0)
MIN_CLUSTER_SIZE = 12
LONG_MINUTES = (5, 10)
FIRST_LONG_SEED = 9000
PARTS = ("confusion", "missed detection", "false alarm")
Diarizer = Callable[[NDArray[np.float32]], Annotation]


@dataclass(frozen=True)
class Recording:
    """Sound and its reference diarization."""

    group: str
    name: str
    samples: NDArray[np.float32]
    truth: Annotation


@dataclass(frozen=True)
class Errors:
    """Seconds of each kind of error in one recording."""

    group: str
    name: str
    seconds: NDArray[np.float64]
    """Shape (3,): in the order of `PARTS`."""
    speech_s: float
    speakers_found: int
    speakers: int

    @property
    def rate(self) -> float:
        """Diarization error rate."""
        return float(self.seconds.sum() / self.speech_s)


def recordings(ami: Path | None) -> Iterator[Recording]:
    """Yield all recordings; real meetings only if their folder is given."""
    yield Recording(
        "pyannote's sample", "sample", read(SAMPLE / "sample.wav"), read_turns(SAMPLE / "sample.rttm")["sample"]
    )
    if ami:
        for name, truth in sorted(read_turns(ami / "ami.rttm").items()):
            yield Recording("AMI half-minutes", name, read(ami / f"{name}.flac"), truth)
    turns = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["turns"]
    spoken = annotation((turn["start"], turn["end"], turn["speaker"]) for turn in turns)
    yield Recording("shipped dialogue", "dialogue", read(ROOT / "demo" / "dialogue.flac"), spoken)
    for dialogue in standard_dialogues():
        yield of_dialogue("synthetic dialogues", dialogue)


def long_recordings() -> Iterator[Recording]:
    """Mix two to five voices for minutes.

    The held-out speech is short, so that their sentences come again.
    """
    for minutes in LONG_MINUTES:
        for number in range(0, len(CASTS), 3):
            dialogue = make_dialogue(CASTS[number], FIRST_LONG_SEED + number, 60.0 * minutes)
            yield of_dialogue(f"{minutes} minutes", dialogue)


def of_dialogue(group: str, dialogue: Dialogue) -> Recording:
    """Convert a dialogue of the tests' recipe."""
    spoken = annotation((turn.start, turn.end, turn.speaker) for turn in dialogue.turns)
    return Recording(group, dialogue.name, dialogue.audio.samples, spoken)


def read(path: Path) -> NDArray[np.float32]:
    """Read samples of shape (n,), at 16,000 Hz."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != RATE_HZ:
        raise ValueError(f"{path.name} has {rate_hz} Hz instead of {RATE_HZ}")
    return np.asarray(samples, np.float32)


def read_turns(path: Path) -> dict[str, Annotation]:
    """Read an RTTM file, by recording."""
    found: dict[str, Annotation] = load_rttm(path)  # type: ignore[no-untyped-call]
    return found


def annotation(turns: Iterator[tuple[float, float, str]]) -> Annotation:
    """Convert turns to pyannote's annotation."""
    made = Annotation()
    for number, (start, end, speaker) in enumerate(turns):
        made[Segment(start, end), number] = speaker
    return made


def measure(diarize: Diarizer, everything: list[Recording]) -> list[Errors]:
    """Measure the errors in each recording."""
    found = []
    for recording in everything:
        hypothesis = diarize(recording.samples)
        whole = Timeline([Segment(0, len(recording.samples) / RATE_HZ)])
        detail = DiarizationErrorRate(collar=0.0, skip_overlap=False)(
            recording.truth, hypothesis, uem=whole, detailed=True
        )
        seconds = np.array([detail[part] for part in PARTS])
        people = (len(hypothesis.labels()), len(recording.truth.labels()))
        found.append(Errors(recording.group, recording.name, seconds, detail["total"], *people))
    return found


def load_shipped(folder: Path) -> tuple[Pipeline, Diarizer]:
    """Load the pipeline that the folder names.

    Raises:
        FileNotFoundError: pyannote finds no pipeline there.
    """
    pipeline = Pipeline.from_pretrained(folder)
    if pipeline is None:
        raise FileNotFoundError(f"{folder} is no pipeline")
    return pipeline, lambda samples: turns_of(pipeline, in_memory(samples))


def pyannote_pipeline(linked: Pipeline, threshold: float = PUBLISHED_THRESHOLD) -> Pipeline:
    """Build pyannote's pipeline on the same weights."""
    unused = PLDA.__new__(PLDA)
    pipeline = SpeakerDiarization(
        segmentation=linked._segmentation.model,  # noqa: SLF001
        embedding=linked._embedding,  # noqa: SLF001
        plda=unused,
        clustering="AgglomerativeClustering",
        embedding_exclude_overlap=True,
        segmentation_batch_size=32,
        embedding_batch_size=32,
    )
    pipeline.instantiate(parameters(threshold))
    return pipeline


def parameters(threshold: float) -> dict[str, object]:
    """Return the parameters of pyannote/speaker-diarization-3.1, but for the threshold."""
    clustering = {"method": "centroid", "min_cluster_size": MIN_CLUSTER_SIZE, "threshold": threshold}
    return {"segmentation": {"threshold": 0.5, "min_duration_off": 0.0}, "clustering": clustering}


def pyannote_by_threshold(linked: Pipeline) -> Callable[[float], Diarizer]:
    """Return pyannote's pipeline by clustering threshold; segmentation and embeddings are cached."""
    pipeline = pyannote_pipeline(linked)
    # In training mode it caches the outputs of its models in the file that it is given.
    pipeline.training = True
    files: dict[int, dict[str, object]] = {}

    def at(threshold: float) -> Diarizer:
        def diarize(samples: NDArray[np.float32]) -> Annotation:
            pipeline.instantiate(parameters(threshold))
            return turns_of(pipeline, files.setdefault(id(samples), in_memory(samples)))

        return diarize

    return at


def turns_of(pipeline: Pipeline, file: dict[str, object]) -> Annotation:
    """Run a pipeline on a file in memory and return the turns."""
    output: Any = pipeline(file)
    return output.speaker_diarization


def in_memory(samples: NDArray[np.float32]) -> dict[str, object]:
    """Make the file that pyannote takes, of samples in memory."""
    return {"waveform": torch.tensor(samples)[None], "sample_rate": RATE_HZ, "uri": "recording"}


def table(found: list[Errors]) -> str:
    """Format one row per group of recordings.

    It has the rates over all of the group's seconds, and the mean rate of its recordings.
    """
    rows = ["| recordings | DER | confusion | missed | false alarm | mean DER | speakers found |", "|---|" + "---|" * 6]
    for group in dict.fromkeys(errors.group for errors in found):
        inside = [errors for errors in found if errors.group == group]
        speech_s = sum(errors.speech_s for errors in inside)
        parts = np.sum([errors.seconds for errors in inside], axis=0) / speech_s
        right = sum(errors.speakers_found == errors.speakers for errors in inside)
        rates = [f"{rate:.1%}" for rate in (parts.sum(), *parts, np.mean([errors.rate for errors in inside]))]
        rows.append(f"| {group} ({len(inside)}) | {' | '.join(rates)} | right in {right} of {len(inside)} |")
    return "\n".join(rows)


def by_recording(found: list[Errors]) -> str:
    """Format one row per recording."""
    rows = ["| recording | DER | confusion | missed | false alarm | speakers |", "|---|" + "---|" * 5]
    for errors in found:
        parts = " | ".join(f"{part:.1%}" for part in (errors.rate, *errors.seconds / errors.speech_s))
        rows.append(f"| {errors.name} | {parts} | {errors.speakers_found} of {errors.speakers} |")
    return "\n".join(rows)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ami", type=Path, help="folder of AMI half-minutes with ami.rttm")
    parser.add_argument("--only-ours", action="store_true", help="leave pyannote's pipeline out")
    parser.add_argument("--long", action="store_true", help="measure long dialogues instead, and leave it out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    everything = list(long_recordings() if arguments.long else recordings(arguments.ami))
    total_s = sum(len(recording.samples) for recording in everything) / RATE_HZ
    linked, diarize = load_shipped(FOLDER)
    began = time.process_time()
    found = measure(diarize, everything)
    print(f"## demo-diarization\n\n{table(found)}\n\n{by_recording(found)}\n")
    print(f"{(time.process_time() - began) / total_s:.3f} CPU-seconds per second of sound\n")
    if arguments.only_ours or arguments.long:
        return
    at = pyannote_by_threshold(linked)
    print(f"## pyannote's own pipeline, threshold 0.70\n\n{table(measure(at(PUBLISHED_THRESHOLD), everything))}\n")
    others = {threshold: measure(at(threshold), everything) for threshold in OTHER_THRESHOLDS}
    for group in dict.fromkeys(recording.group for recording in everything):
        listed = {
            threshold: sum(e.seconds.sum() for e in errors if e.group == group)
            / sum(e.speech_s for e in errors if e.group == group)
            for threshold, errors in others.items()
        }
        best = min(listed, key=lambda threshold: listed[threshold])
        print(f"best on {group}: {listed[best]:.1%} at threshold {best}")


if __name__ == "__main__":
    main()
