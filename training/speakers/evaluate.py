"""Evaluation of the shipped speaker encoder through the plugin that uses it, as a Markdown table.

    python -m training.speakers.evaluate --real FOLDER     FOLDER: 16 kHz recordings with one .rttm of their true turns
    python -m training.speakers.evaluate --calibrate       first sets the threshold in the model's folder

The synthetic people of the tests are the two voices of `tests/speech` that were never trained on, as they are and
changed into other people. The threshold is set on others: on changes of trained voices that are used nowhere else. The
real recordings are measured only, and play no part in training or in the threshold.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch

from training.paths import ROOT
from training.speakers import student
from training.speakers.recordings import load_recorded, load_synthetic
from training.speakers.voices import change_voice
from training.speech import augmentation
from whisperx_worker import SpeakerTurn
from whisperx_worker_plugins.speaker_verification.calibration import calibrate, equal_error, trials_of
from whisperx_worker_plugins.speaker_verification.embeddings import mean_embedding, similarities
from whisperx_worker_plugins.speaker_verification.encoder import Encoder, load_encoder
from whisperx_worker_plugins.speaker_verification.naming import name_independently
from whisperx_worker_plugins.speaker_verification.solo_speech import solo_speech
from whisperx_worker_plugins.speaker_verification.threshold import THRESHOLD_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

TESTS = ROOT / "tests" / "speech"
RATE_HZ = 16_000
CHANGES = ((1.0, 1.0), (0.8, 0.86), (1.25, 1.16), (0.82, 1.12), (1.22, 0.9), (1.0, 1.22), (1.05, 0.84))
"""(pitch, formants) of the people that each voice is changed to.

No two are near each other.
"""
CALIBRATION_VOICES = ("anna", "aleksandr", "irina", "flite-awb", "flite-kal16", "flite-rms", "flite-slt")
UTTERANCE_S = 2.2
"""Length that Flite's speech is cut to, that of most other utterances."""
RECORDINGS = 8
"""Recordings of each person; each is two utterances joined, about four seconds."""
MAX_REAL_S = 4.0
"""Length to which longer solo pieces of the real recordings are cut evenly."""
TRIALS = 200
ENROLLED = 3
SAMPLES = 2


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording of one person."""

    person: str
    wave: NDArray[np.float32]
    """float32 [samples], 16 kHz."""


def heldout_people(rng: np.random.Generator) -> list[Recording]:
    """Make recordings of people that were never trained on."""
    index = json.loads((TESTS / "index.json").read_text(encoding="utf-8"))
    recordings: list[Recording] = []
    for file in ("unheard_voice.flac", "unheard_engine.flac"):
        sound, _ = soundfile.read(TESTS / file, dtype="float32")
        utterances = [
            sound[round(entry["start"] * RATE_HZ) : round(entry["end"] * RATE_HZ)]
            for entry in index
            if entry["file"] == file
        ]
        recordings += people_of(file, utterances, rng)
    return recordings


def calibration_people(rng: np.random.Generator) -> list[Recording]:
    """Make recordings of people by fixed changes of trained voices."""
    recordings: list[Recording] = []
    for speech in (load_synthetic(), load_recorded()):
        for voice in CALIBRATION_VOICES:
            waves = [speech.wave(piece) for piece in speech.pieces if piece["voice"] == voice]
            parts = [np.array_split(wave, max(1, round(len(wave) / RATE_HZ / UTTERANCE_S))) for wave in waves]
            utterances = [part for split in parts for part in split]
            recordings += people_of(voice, utterances, rng) if utterances else ()
    return recordings


def people_of(voice: str, utterances: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> Iterator[Recording]:
    """Make `RECORDINGS` recordings of each person that one voice is changed to."""
    for pitch, formants in CHANGES:
        for _ in range(RECORDINGS):
            chosen = rng.choice(len(utterances), 2, replace=False)
            wave = np.concatenate([utterances[number] for number in chosen])
            if (pitch, formants) != (1.0, 1.0):
                wave = change_voice(wave, pitch, formants)
            yield Recording(f"{voice} {pitch} {formants}", wave)


def real_pieces(folder: Path, min_s: float) -> list[Recording]:
    """Cut solo speech of at least `min_s` from real recordings, in pieces of at most `MAX_REAL_S`."""
    turns: dict[str, list[SpeakerTurn]] = defaultdict(list)
    for line in next(folder.glob("*.rttm")).read_text(encoding="utf-8").splitlines():
        _, file, _, start, length, _, _, speaker, *_ = line.split()
        turns[file].append(SpeakerTurn(float(start), float(start) + float(length), speaker))
    pieces = []
    for file, those in sorted(turns.items()):
        sound, _ = soundfile.read(folder / f"{file}.flac", dtype="float32")
        for speaker, spans in solo_speech(those).items():
            for span in spans:
                if span.duration_s < min_s:
                    continue
                wave = sound[round(span.start * RATE_HZ) : round(span.end * RATE_HZ)]
                parts = np.array_split(wave, math.ceil(span.duration_s / MAX_REAL_S))
                pieces += [Recording(speaker, part) for part in parts]
    return pieces


def over_telephone(recordings: Sequence[Recording], rng: np.random.Generator) -> list[Recording]:
    """Pass recordings over a telephone line with noise 10 to 25 dB below the speech."""
    return [
        Recording(
            recording.person,
            augmentation.telephone(
                recording.wave + augmentation.noise(recording.wave, rng, float(rng.uniform(10, 25)))
            ),
        )
        for recording in recordings
    ]


def row(what: str, recordings: Sequence[Recording], encoder: Encoder) -> str:
    """Format a row of the table."""
    embeddings = encoder.embed([recording.wave for recording in recordings])
    usable = np.asarray(np.isfinite(embeddings).all(axis=1))
    people = [recording.person for recording, is_usable in zip(recordings, usable, strict=True) if is_usable]
    trials = trials_of(embeddings[usable], people)
    rate, threshold = equal_error(trials)
    accepted = float((trials.different >= encoder.threshold.value).mean())
    missed = float((trials.same < encoder.threshold.value).mean())
    return (
        f"| {what} | {len(people)} of {len(set(people))} | {len(trials.same)} / {len(trials.different)} "
        f"| {rate:.1%} | {threshold:.2f} | {accepted:.2%} | {missed:.1%} |"
    )


def naming_trials(recordings: Sequence[Recording], encoder: Encoder, compared: int) -> tuple[int, int]:
    """Count the strangers that get a name, and the enrolled people that get theirs.

    There are `TRIALS` of each.

    Args:
        recordings: Of many people.
        encoder: The encoder.
        compared: Number of recordings of each compared voice.
    """
    rng = np.random.default_rng(11)
    embeddings = encoder.embed([recording.wave for recording in recordings])
    rows: dict[str, list[int]] = defaultdict(list)
    for number, recording in enumerate(recordings):
        rows[recording.person].append(number)
    people = sorted(rows)
    strangers = friends = 0
    for _ in range(TRIALS):
        *enrolled, stranger = rng.choice(people, ENROLLED + 1, replace=False)
        drawn = [rng.permutation(rows[person]) for person in enrolled]
        known = np.stack([mean_embedding(embeddings[numbers[:SAMPLES]]) for numbers in drawn])
        voices = (rng.permutation(rows[stranger])[:compared], drawn[0][SAMPLES : SAMPLES + compared])
        means = np.stack([mean_embedding(embeddings[numbers]) for numbers in voices])
        unknown, friend = name_independently(similarities(means, known), encoder.threshold.value)
        strangers += unknown.person is not None
        friends += friend.person == 0
    return strangers, friends


def set_threshold(encoder: Encoder, recordings: Sequence[Recording], write: Callable[[str], object]) -> str:
    """Propose a threshold and write it for the plugin; return a line about it."""
    embeddings = encoder.embed([recording.wave for recording in recordings])
    people = [recording.person for recording in recordings]
    calibration = calibrate(trials_of(embeddings, people))
    measured_on = (
        f"{len(people)} recordings of {len(set(people))} synthetic people, about 4 s each: "
        f"{calibration.accepted:.3%} of {calibration.different_pairs} pairs of two people reach it"
    )
    write(json.dumps({"threshold": calibration.threshold, "measured_on": measured_on}, indent=2) + "\n")
    return f"{calibration}\n"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measures the speaker encoder.")
    parser.add_argument("--real", type=Path, help="folder of real recordings with their true turns")
    parser.add_argument("--calibrate", action="store_true", help="set the threshold of the model's folder first")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = student.FOLDER
    encoder = load_encoder(folder, folder.name, "cpu")
    if arguments.calibrate:
        file = folder / THRESHOLD_FILE
        print(set_threshold(encoder, calibration_people(np.random.default_rng(3)), file.write_text))
        encoder = load_encoder(folder, folder.name, "cpu")
    rng = np.random.default_rng(7)
    heldout = heldout_people(rng)
    print("| what | recordings of people | pairs, same / different | EER | at | strangers accepted | friends missed |")
    print("|---|---|---|---|---|---|---|")
    print(row("held-out synthetic voices", heldout, encoder))
    print(row("the same over a noisy telephone line", over_telephone(heldout, rng), encoder))
    for min_s in (1.0, 2.0) if arguments.real else ():
        pieces = real_pieces(arguments.real, min_s)
        print(row(f"real meetings, solo pieces of at least {min_s:.0f} s", pieces, encoder))
    print(
        f"\nAt the threshold {encoder.threshold.value:.3f}, {ENROLLED} people enrolled by {SAMPLES} recordings each:\n"
    )
    for compared in (1, 4):
        strangers, friends = naming_trials(heldout, encoder, compared)
        print(
            f"- voices of {4 * compared} s: {strangers} of {TRIALS} strangers are given a name, "
            f"{friends} of {TRIALS} enrolled people theirs"
        )


if __name__ == "__main__":
    main()
