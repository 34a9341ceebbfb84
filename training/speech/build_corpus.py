"""Synthesis of the speech corpus.

    training/data/synthesisers/run python -m training.speech.build_corpus --utterances 6400

The folder named by SPEECH_CORPUS gets the corpus.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.paths import CORPUS
from training.speech import grammar
from training.speech.corpus import Record, save
from training.speech.espeak import Espeak
from training.speech.festival import festival
from training.speech.people import ESPEAK_VARIANTS, KNOWN_RHVOICE, UNHEARD_RHVOICE, espeak_people, rhvoice_people
from training.speech.rhvoice import RHVoice
from training.speech.utterance import RATE_HZ, Spoken, SynthesisError, Voice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RHVOICE_SHARE = 0.62
WORD_STRING_SHARE = 1 / 8
TESTS_PER_GROUP = 140


@dataclass(frozen=True)
class Task:
    """An utterance to synthesise."""

    text: str
    voice: Voice
    split: str


def sentences(count: int, rng: random.Random, *, held_out: bool, word_strings: float = 0.0) -> Iterator[str]:
    """Draw held-out or training sentences; a share of them may be word strings."""
    vocabulary = grammar.vocabulary()
    while count:
        strings = rng.random() < word_strings
        text = grammar.word_string(rng, vocabulary) if strings else grammar.sentence(rng)
        if grammar.is_held_out(text) == held_out:
            count -= 1
            yield text


def plan(utterances: int, seed: int = 1) -> list[Task]:
    """List the utterances of the corpus.

    The test splits come first and do not depend on its size.
    """
    rng = random.Random(seed)
    recorded = [Voice("rhvoice", base, base.lower()) for base in KNOWN_RHVOICE]
    variants = [Voice("espeak", variant, variant) for variant in ESPEAK_VARIANTS]
    known = [rng.choice(group) for group in (recorded, variants) for _ in range(TESTS_PER_GROUP // 2)]
    groups = {
        "heldout": known,
        "unheard_voice": [Voice("rhvoice", UNHEARD_RHVOICE, UNHEARD_RHVOICE.lower())] * TESTS_PER_GROUP,
        "unheard_engine": [Voice("festival", "msu_ru_nsh_clunits", "msu_ru_nsh")] * TESTS_PER_GROUP,
    }
    tasks = [
        Task(text, voice, split)
        for split, voices in groups.items()
        for voice, text in zip(voices, sentences(len(voices), rng, held_out=True), strict=True)
    ]
    rhvoice, espeak = rhvoice_people(rng), espeak_people(rng)
    for text in sentences(utterances, rng, held_out=False, word_strings=WORD_STRING_SHARE):
        people = rhvoice if rng.random() < RHVOICE_SHARE else espeak
        tasks.append(Task(text, rng.choice(people), "train"))
    return tasks


def speak_all(tasks: list[Task]) -> list[Spoken | None]:
    """Synthesise a part of the plan in one process.

    The result is None for what an engine could not time.
    """
    engines: dict[str, RHVoice | Espeak] = {"rhvoice": RHVoice(), "espeak": Espeak()}
    by_festival = [task for task in tasks if task.voice.engine == "festival"]
    festival_results = iter(festival([task.text for task in by_festival], by_festival[0].voice) if by_festival else [])
    results: list[Spoken | None] = []
    for task in tasks:
        if task.voice.engine == "festival":
            results.append(next(festival_results))
            continue
        try:
            results.append(engines[task.voice.engine].speak(task.text, task.voice))
        except SynthesisError:
            results.append(None)
    return results


def build(utterances: int, processes: int, folder: Path) -> str:
    """Synthesise and save the corpus; return a line of figures."""
    tasks = plan(utterances)
    parts = [tasks[start :: processes * 8] for start in range(processes * 8)]
    with multiprocessing.Pool(processes) as pool:
        spoken = pool.map(speak_all, parts, chunksize=1)
    records: list[Record] = []
    waves: list[NDArray[np.int16]] = []
    offset = 0
    for task, result in (
        (task, result)
        for part, results in zip(parts, spoken, strict=True)
        for task, result in zip(part, results, strict=True)
    ):
        if result is None:
            continue
        words = [
            (word, round(start, 4), round(end, 4))
            for word, (start, end) in zip(task.text.split(), result.words, strict=True)
        ]
        waves.append((result.wave * 32_767).astype(np.int16))
        records.append(
            {
                "offset": offset,
                "samples": len(waves[-1]),
                "text": task.text,
                "words": words,
                "engine": task.voice.engine,
                "voice": task.voice.name,
                "split": task.split,
            }
        )
        offset += len(waves[-1])
    save(folder, np.concatenate(waves), records)
    counts = {
        split: sum(record["split"] == split for record in records)
        for split in ("train", "heldout", "unheard_voice", "unheard_engine")
    }
    return f"{offset / RATE_HZ / 3600:.2f} hours, {counts}, {len(tasks) - len(records)} could not be timed"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Builds the speech corpus.")
    parser.add_argument("--utterances", type=int, default=6400, help="training utterances")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    print(build(arguments.utterances, arguments.processes, CORPUS))


if __name__ == "__main__":
    main()
