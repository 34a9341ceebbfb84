"""Audio in the repository: the demo's telephone call, and the held-out speech of the tests.

    training/data/synthesisers/run python -m training.speech.shipped_audio     needs the synthesisers and the corpus

Nothing in either was ever trained on: every sentence is checked against the training split.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.paths import ROOT
from training.speech import augmentation, corpus, grammar
from training.speech.rhvoice import RHVoice
from training.speech.utterance import RATE_HZ, Spoken, Voice

DEMO, TESTS = ROOT / "demo", ROOT / "tests" / "speech"
Wave = NDArray[np.float32]

VOICES = {
    "Анна": Voice("rhvoice", "Anna", "anna"),
    "Иван": Voice("rhvoice", "Aleksandr", "aleksandr"),
    "Ольга": Voice("rhvoice", "Irina", "irina"),
}
CALL = [
    ("Анна", 0.30, "Доброе утро, я вас слушаю."),
    ("Иван", 0.45, "Здравствуйте, Анна Сергеевна! Говорит Иван Петрович."),
    ("Анна", 0.40, "Говорите, пожалуйста, громче, вас плохо слышно."),
    ("Иван", 0.50, "Скажите, мой заказ уже готов?"),
    ("Анна", 0.35, "Подождите минуту, Иван Петрович. Повторите, пожалуйста, номер."),
    ("Иван", 0.60, "Номер заказа восемь девятьсот сорок девять четыре шесть."),
    ("Анна", 0.70, "Понятно. Да, заказ готов, доставка в пятницу."),
    ("Иван", 0.12, "Да, хорошо."),
    ("Анна", 0.15, "С вас четырнадцать тысяч четыреста рублей."),
    ("Иван", 0.45, "Извините, скидка будет?"),
    ("Анна", 0.35, "Да, скидка сегодня семь процентов. Запишите номер, восемьсот восемнадцать пятьдесят восемь."),
    ("Иван", 0.12, "Понятно."),
    ("Анна", 0.30, "Скажите адрес, пожалуйста."),
    ("Иван", 0.45, "Улица Гагарина, дом три, квартира девяносто семь."),
    ("Анна", 0.40, "Водитель приедет в пятницу, в десять пятнадцать. Вам удобно?"),
    ("Иван", 0.35, "Да, в пятницу мы дома. Спасибо, Анна Сергеевна."),
    ("Анна", 0.25, "Пожалуйста, Иван Петрович. Всего вам доброго!"),
    ("Иван", 0.30, "До свидания, Анна Сергеевна!"),
]
ENROLMENT = {
    "anna": ("Анна", "Здравствуйте, меня зовут Мария Андреевна. Офис открыт с двадцатого марта, приезжайте в среду."),
    "anna-2": ("Анна", "Заказ стоит три тысячи рублей. Перезвоните, пожалуйста, в субботу в четыре часа."),
    "ivan": ("Иван", "Привет, это Сергей. Водитель сейчас на складе, позвоните мне завтра в три часа дня."),
    "ivan-2": ("Иван", "Запишите адрес, улица Мира, дом десять. Самолёт прилетает четвёртого августа."),
    "olga": ("Ольга", "Добрый вечер, меня зовут Пётр. Мы получили ваши билеты, цена девятнадцать тысяч сто рублей."),
}
TEST_COUNTS = {"heldout": 60, "unheard_voice": 40, "unheard_engine": 40}


def sentences_of(text: str) -> list[str]:
    """Split a text into sentences, normalised for comparison."""
    return [grammar.normalise(sentence) for sentence in re.split(r"(?<=[.!?])\s", text)]


def refuse_trained(texts: Iterable[str], trained: set[str]) -> None:
    """Raise ValueError for a sentence of the training split, or with a word outside the grammar."""
    vocabulary = {grammar.normalise(word) for word in grammar.vocabulary()}
    for sentence in (sentence for text in texts for sentence in sentences_of(text)):
        if sentence in trained:
            raise ValueError(f"{sentence!r} was trained on; choose another sentence")
        if missing := set(sentence.split()) - vocabulary:
            raise ValueError(f"{missing} in {sentence!r} are not in the vocabulary")


def room_tone(samples: int, rng: np.random.Generator) -> Wave:
    """Make the noise of a quiet room, about 60 dB below full scale."""
    tone = np.cumsum(rng.standard_normal(samples))
    tone -= np.convolve(tone, np.ones(400) / 400, "same")
    return np.asarray(tone / np.abs(tone).max() * 0.003, np.float32)


def write(path: Path, wave: Wave) -> None:
    """Write 16-bit FLAC, mono, 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE_HZ, subtype="PCM_16")


def timed_words(text: str, spoken: Spoken, at_s: float) -> list[tuple[str, float, float]]:
    """Return the words with their times in the file."""
    return [
        (word, round(at_s + start, 3), round(at_s + end, 3))
        for word, (start, end) in zip(text.split(), spoken.words, strict=True)
    ]


def make_call(engine: RHVoice, rng: np.random.Generator) -> None:
    """Write the telephone call with its reference: turns, words, speakers."""
    pieces: list[Wave] = []
    turns: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    samples = 0
    for speaker, pause_s, text in CALL:
        spoken = engine.speak(text, VOICES[speaker])
        pause = np.zeros(round(pause_s * RATE_HZ), np.float32)
        at_s = (samples + len(pause)) / RATE_HZ
        timed = timed_words(text, spoken, at_s)
        words += [{"word": word, "start": start, "end": end, "speaker": speaker} for word, start, end in timed]
        turns.append({"speaker": speaker, "start": timed[0][1], "end": timed[-1][2], "text": text})
        pieces += [pause, spoken.wave]
        samples += len(pause) + len(spoken.wave)
    wave = np.concatenate([*pieces, np.zeros(RATE_HZ // 2, np.float32)])
    write(DEMO / "dialogue.flac", augmentation.in_room(wave, rng) * 0.8 + room_tone(len(wave), rng))
    reference = {"text": " ".join(turn["text"] for turn in turns), "turns": turns, "words": words}
    (DEMO / "dialogue.json").write_text(json.dumps(reference, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def make_enrolment(engine: RHVoice, rng: np.random.Generator) -> None:
    """Write samples of the call's two people, and of a third who is not in it."""
    for name, (speaker, text) in ENROLMENT.items():
        wave = np.pad(engine.speak(text, VOICES[speaker]).wave, 4_000)
        write(DEMO / f"{name}.flac", wave * 0.8 + room_tone(len(wave), rng))


def make_tests(speech: corpus.Corpus) -> None:
    """Write one file per split, and an index of the utterances.

    Word times start at the utterance.
    """
    index: list[dict[str, Any]] = []
    for split, count in TEST_COUNTS.items():
        records: Sequence[corpus.Record] = speech.split(split)
        step = max(1, len(records) // count)
        pieces: list[Wave] = []
        samples = 0
        for record in records[::step][:count]:
            start, wave = samples / RATE_HZ, speech.wave(record)
            pieces += [wave, np.zeros(RATE_HZ // 4, np.float32)]
            samples += len(wave) + RATE_HZ // 4
            index.append(
                {
                    "file": f"{split}.flac",
                    "start": start,
                    "end": start + len(wave) / RATE_HZ,
                    "text": record["text"],
                    "words": record["words"],
                    "engine": record["engine"],
                    "voice": record["voice"],
                    "split": split,
                }
            )
        write(TESTS / f"{split}.flac", np.concatenate(pieces))
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in index)
    (TESTS / "index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Write all audio files."""
    speech = corpus.load()
    trained = {sentence for record in speech.split("train") for sentence in sentences_of(record["text"])}
    refuse_trained([text for _, _, text in CALL] + [text for _, text in ENROLMENT.values()], trained)
    refuse_trained([record["text"] for record in speech.records if record["split"] != "train"], trained)
    rng = np.random.default_rng(3)
    engine = RHVoice()
    make_call(engine, rng)
    make_enrolment(engine, rng)
    make_tests(speech)


if __name__ == "__main__":
    main()
