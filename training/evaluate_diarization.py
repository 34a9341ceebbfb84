"""Measures `demo-diarization` and pyannote's own pipeline on the same weights, and prints Markdown tables.

    python evaluate_diarization.py [--ami ../../../shared/audio/ami]
    python evaluate_diarization.py --long            dialogues of five and ten minutes, with this pipeline alone

Diarization error rate without a collar, overlap scored, the number of speakers not given. pyannote's own pipeline is
`SpeakerDiarization` with agglomerative clustering, at the parameters of pyannote/speaker-diarization-3.1 and at the
threshold that suits it best of those below.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402  after the path
import pyannote.audio  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from pyannote.audio import Pipeline  # noqa: E402
from pyannote.audio.core.plda import PLDA  # noqa: E402
from pyannote.audio.pipelines import SpeakerDiarization  # noqa: E402
from pyannote.core import Annotation, Segment, Timeline  # noqa: E402
from pyannote.database.util import load_rttm  # noqa: E402
from pyannote.metrics.diarization import DiarizationErrorRate  # noqa: E402

from tests.dialogues import CASTS, Dialogue, make_dialogue, standard_dialogues  # noqa: E402

FOLDER = ROOT / "src" / "whisperx_worker_models" / "demo-diarization"
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
    """Sound, and who truly speaks in it."""

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
    found: int
    truly: int

    @property
    def rate(self) -> float:
        """The diarization error rate."""
        return float(self.seconds.sum() / self.speech_s)


def recordings(ami: Path) -> Iterator[Recording]:
    """Everything that is measured; real meetings only where they are at hand."""
    yield Recording(
        "pyannote's sample", "sample", read(SAMPLE / "sample.wav"), load_rttm(SAMPLE / "sample.rttm")["sample"]
    )
    if ami.is_dir():
        for name, truth in sorted(load_rttm(ami / "ami.rttm").items()):
            yield Recording("AMI half-minutes", name, read(ami / f"{name}.flac"), truth)
    turns = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["turns"]
    spoken = annotation((turn["start"], turn["end"], turn["speaker"]) for turn in turns)
    yield Recording("shipped dialogue", "dialogue", read(ROOT / "demo" / "dialogue.flac"), spoken)
    for dialogue in standard_dialogues():
        yield of_dialogue("synthetic dialogues", dialogue)


def long_recordings() -> Iterator[Recording]:
    """Two to five voices for minutes; the held-out speech is short, so that their sentences come again."""
    for minutes in LONG_MINUTES:
        for number in range(0, len(CASTS), 3):
            dialogue = make_dialogue(CASTS[number], FIRST_LONG_SEED + number, 60.0 * minutes)
            yield of_dialogue(f"{minutes} minutes", dialogue)


def of_dialogue(group: str, dialogue: Dialogue) -> Recording:
    """A dialogue of the tests' recipe."""
    spoken = annotation((turn.start, turn.end, turn.speaker) for turn in dialogue.turns)
    return Recording(group, dialogue.name, dialogue.audio.samples, spoken)


def read(path: Path) -> NDArray[np.float32]:
    """Shape (n,), at 16,000 Hz."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != RATE_HZ:
        raise ValueError(f"{path.name} has {rate_hz} Hz instead of {RATE_HZ}")
    return np.asarray(samples, np.float32)


def annotation(turns: Iterator[tuple[float, float, str]]) -> Annotation:
    """Turns as pyannote counts them."""
    made = Annotation()
    for number, (start, end, speaker) in enumerate(turns):
        made[Segment(start, end), number] = speaker
    return made


def measure(diarize: Diarizer, everything: list[Recording]) -> list[Errors]:
    """The errors in each recording."""
    found = []
    for recording in everything:
        heard = diarize(recording.samples)
        whole = Timeline([Segment(0, len(recording.samples) / RATE_HZ)])
        detail = DiarizationErrorRate(collar=0.0, skip_overlap=False)(recording.truth, heard, uem=whole, detailed=True)
        seconds = np.array([detail[part] for part in PARTS])
        people = (len(heard.labels()), len(recording.truth.labels()))
        found.append(Errors(recording.group, recording.name, seconds, detail["total"], *people))
    return found


def ours(folder: Path) -> tuple[Pipeline, Diarizer]:
    """The pipeline that the folder names."""
    pipeline = Pipeline.from_pretrained(folder)
    return pipeline, lambda samples: pipeline(in_memory(samples)).speaker_diarization


def pyannotes_own(linked: Pipeline, threshold: float = PUBLISHED_THRESHOLD) -> Pipeline:
    """The pipeline that pyannote brings, on the same weights."""
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
    return pipeline.instantiate(parameters(threshold))


def parameters(threshold: float) -> dict[str, object]:
    """What pyannote's own pipeline is told; those of pyannote/speaker-diarization-3.1 but for the threshold."""
    clustering = {"method": "centroid", "min_cluster_size": MIN_CLUSTER_SIZE, "threshold": threshold}
    return {"segmentation": {"threshold": 0.5, "min_duration_off": 0.0}, "clustering": clustering}


def untouched(linked: Pipeline) -> Callable[[float], Diarizer]:
    """That pipeline by clustering threshold; each recording is heard once."""
    pipeline = pyannotes_own(linked)
    # It keeps what its models heard in the file that it is given.
    pipeline.training = True
    files: dict[int, dict[str, object]] = {}

    def at(threshold: float) -> Diarizer:
        def diarize(samples: NDArray[np.float32]) -> Annotation:
            pipeline.instantiate(parameters(threshold))
            return pipeline(files.setdefault(id(samples), in_memory(samples))).speaker_diarization

        return diarize

    return at


def in_memory(samples: NDArray[np.float32]) -> dict[str, object]:
    """A recording as pyannote takes it."""
    return {"waveform": torch.tensor(samples)[None], "sample_rate": RATE_HZ, "uri": "recording"}


def table(found: list[Errors]) -> str:
    """One row per group, all of its seconds together; for several recordings the mean of their rates as well."""
    rows = ["| recordings | DER | confusion | missed | false alarm | mean DER | speakers found |", "|---|" + "---|" * 6]
    for group in dict.fromkeys(errors.group for errors in found):
        inside = [errors for errors in found if errors.group == group]
        speech_s = sum(errors.speech_s for errors in inside)
        parts = sum(errors.seconds for errors in inside) / speech_s
        right = sum(errors.found == errors.truly for errors in inside)
        rates = [f"{rate:.1%}" for rate in (parts.sum(), *parts, np.mean([errors.rate for errors in inside]))]
        rows.append(f"| {group} ({len(inside)}) | {' | '.join(rates)} | right in {right} of {len(inside)} |")
    return "\n".join(rows)


def by_recording(found: list[Errors]) -> str:
    """One row per recording."""
    rows = ["| recording | DER | confusion | missed | false alarm | speakers |", "|---|" + "---|" * 5]
    for errors in found:
        parts = " | ".join(f"{part:.1%}" for part in (errors.rate, *errors.seconds / errors.speech_s))
        rows.append(f"| {errors.name} | {parts} | {errors.found} of {errors.truly} |")
    return "\n".join(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ami", type=Path, default=ROOT.parent / "shared" / "audio" / "ami")
    parser.add_argument("--only-ours", action="store_true", help="leave pyannote's own pipeline out")
    parser.add_argument("--long", action="store_true", help="measure long dialogues instead, and leave it out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    everything = list(long_recordings() if arguments.long else recordings(arguments.ami))
    total_s = sum(len(recording.samples) for recording in everything) / RATE_HZ
    linked, diarize = ours(FOLDER)
    began = time.process_time()
    found = measure(diarize, everything)
    print(f"## demo-diarization\n\n{table(found)}\n\n{by_recording(found)}\n")
    print(f"{(time.process_time() - began) / total_s:.3f} CPU-seconds per second of sound\n")
    if arguments.only_ours or arguments.long:
        return
    at = untouched(linked)
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
