"""Builds the speech corpus of both trainings, and loads it.

    synthesisers/run python corpus.py --utterances 6400

writes `speech.npy` (int16, 16 kHz, all utterances one after another) and `speech.json` (one record each) into the
folder named by SPEECH_CORPUS. Four splits: "train"; "heldout", known voices with sentences that no training
utterance has; "unheard_voice" and "unheard_engine", the same kind of sentences from people that training never hears.
"""

import argparse
import json
import multiprocessing
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import grammar
import numpy as np
from numpy.typing import NDArray
from synthesise import RATE_HZ, Espeak, RHVoice, Spoken, SynthesisError, Voice, festival

FOLDER = Path(os.environ.get("SPEECH_CORPUS", Path(__file__).parent / "corpus"))
KNOWN_RHVOICE = ("Anna", "Aleksandr", "Irina")
UNHEARD_RHVOICE = "Elena"
ESPEAK_VARIANTS = [
    "Alex",
    "Alicia",
    "Andrea",
    "Andy",
    "Annie",
    "Denis",
    "Diogo",
    "Gene",
    "Gene2",
    "Henrique",
    "Hugo",
    "Jacky",
    "Lee",
    "Marco",
    "Mario",
    "Michael",
    "Mike",
    "Mr",
    "Nguyen",
    "RicishayMax",
    "RicishayMax2",
    "RicishayMax3",
    "Storm",
    "adam",
    "anika",
    "announcer",
    "antonio",
    "aunty",
    "belinda",
    "benjamin",
    "boris",
    "caleb",
    "david",
    "ed",
    "edward",
    "edward2",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "grandma",
    "grandpa",
    "gustave",
    "iven",
    "iven2",
    "iven3",
    "iven4",
    "john",
    "kaukovalta",
    "klatt",
    "klatt2",
    "klatt3",
    "klatt4",
    "klatt5",
    "klatt6",
    "linda",
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "marcelo",
    "max",
    "michel",
    "miguel",
    "norbert",
    "pablo",
    "paul",
    "pedro",
    "quincy",
    "rob",
    "robert",
    "sandro",
    "shelby",
    "steph",
    "steph2",
    "steph3",
    "travis",
    "victor",
    "zac",
]
VOICES_PER_PERSON = 30
RHVOICE_SHARE = 0.62
WORD_STRING_SHARE = 1 / 8
TESTS_PER_GROUP = 140


class Record(TypedDict):
    """One utterance; times are seconds from its start."""

    offset: int
    """First sample in `speech.npy`."""
    samples: int
    text: str
    words: list[tuple[str, float, float]]
    engine: str
    voice: str
    split: str


@dataclass(frozen=True)
class Corpus:
    """The loaded corpus."""

    speech: NDArray[np.int16]
    """int16 [samples], mapped into memory, 16 kHz."""
    records: list[Record]

    def split(self, *names: str) -> list[Record]:
        """The utterances of the named splits."""
        return [record for record in self.records if record["split"] in names]

    def wave(self, record: Record) -> NDArray[np.float32]:
        """The sound of one utterance, float32 [samples] within -1..1."""
        piece = self.speech[record["offset"] : record["offset"] + record["samples"]]
        return piece * np.float32(1 / 32_768)


def load(folder: Path = FOLDER) -> Corpus:
    """Raises `FileNotFoundError` if the corpus was not built."""
    with (folder / "speech.json").open(encoding="utf-8") as file:
        return Corpus(np.load(folder / "speech.npy", mmap_mode="r"), json.load(file))


@dataclass(frozen=True)
class Task:
    """One utterance to be spoken."""

    text: str
    voice: Voice
    split: str


def rhvoice_people(rng: random.Random) -> list[Voice]:
    """The known voices as recorded, and the many people that moved formants and pitch make of them."""
    people = [Voice("rhvoice", base, base.lower()) for base in KNOWN_RHVOICE]
    for base in KNOWN_RHVOICE:
        for number in range(1, VOICES_PER_PERSON):
            formants = rng.uniform(0.85, 1.2)
            pitch = rng.uniform(0.75, 1.3) / formants
            rate = rng.uniform(0.85, 1.2) / formants
            people.append(Voice("rhvoice", base, f"{base.lower()}-{number}", pitch, rate, formants))
    return people


def espeak_people(rng: random.Random) -> list[Voice]:
    """Every variant as it is, and two more of each with other pitch, speed and formants."""
    people = [Voice("espeak", variant, variant) for variant in ESPEAK_VARIANTS]
    for variant in ESPEAK_VARIANTS:
        for number in (1, 2):
            formants = rng.uniform(0.85, 1.18)
            people.append(
                Voice(
                    "espeak",
                    variant,
                    f"{variant}-{number}",
                    rng.uniform(0.6, 1.7),
                    rng.uniform(0.75, 1.2) / formants,
                    formants,
                )
            )
    return people


def sentences(count: int, rng: random.Random, *, held_out: bool, word_strings: float = 0.0) -> Iterator[str]:
    """Sentences from one side of the hash; a part of them may be word strings."""
    vocabulary = grammar.vocabulary()
    while count:
        strings = rng.random() < word_strings
        text = grammar.word_string(rng, vocabulary) if strings else grammar.sentence(rng)
        if grammar.is_held_out(text) == held_out:
            count -= 1
            yield text


def plan(utterances: int, seed: int = 1) -> list[Task]:
    """What is to be spoken by whom. The tests come first and are the same for every size of the corpus."""
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
    """Speaks a part of the plan in one process; None for what an engine could not time."""
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
    """Speaks the plan, writes the corpus beside its place and renames it at the end. Returns a line about it."""
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


def save(folder: Path, speech: NDArray[np.int16], records: list[Record]) -> None:
    """Readers see the old corpus or the new one, never a half of each."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    fresh.mkdir(parents=True, exist_ok=True)
    np.save(fresh / "speech.npy", speech)
    (fresh / "speech.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    if old.exists():
        for file in old.iterdir():
            file.unlink()
        old.rmdir()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Builds the speech corpus.")
    parser.add_argument("--utterances", type=int, default=6400, help="training utterances")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    print(build(arguments.utterances, arguments.processes, FOLDER))


if __name__ == "__main__":
    main()
