"""The speech that windows are packed from: the Russian corpus, some foreign speech, and sounds that are no speech."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grammar
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from whisper_features import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Collection

HERE = Path(__file__).resolve().parent
CORPUS = Path(os.environ.get("SPEECH_CORPUS", HERE / "corpus"))
FRAME_SAMPLES = 320
"""A frame of the encoder: 20 ms."""
UNKNOWN = -100
Wave = NDArray[np.float32]

# Only the sound of these languages is learned, never their words: a small model answers them with an empty text.
FOREIGN = {
    "en": [
        "Good morning, how are you today?", "The train leaves at seven in the evening.",
        "I would like to order a pizza.", "Could you repeat the last question, please?",
        "We are going to the mountains with our children.", "Thank you for calling, goodbye.",
        "This winter is colder than the one before.", "She never drinks coffee at work.",
        "The library closes early on Fridays.", "What a wonderful idea this was!",
        "My brother bought a small red car.", "Please turn left behind the old church.",
    ],
    "de": [
        "Guten Morgen, wie geht es Ihnen heute?", "Der Zug fährt um sieben Uhr abends ab.",
        "Ich möchte eine Pizza bestellen.", "Können Sie die letzte Frage bitte wiederholen?",
        "Wir fahren mit den Kindern in die Berge.", "Vielen Dank für Ihren Anruf, auf Wiederhören.",
        "Dieser Winter ist kälter als der letzte.", "Sie trinkt bei der Arbeit nie Kaffee.",
        "Die Bücherei schließt freitags früh.", "Was für eine schöne Idee!",
        "Mein Bruder hat ein kleines rotes Auto gekauft.", "Bitte biegen Sie hinter der alten Kirche links ab.",
    ],
    "fr": [
        "Bonjour, comment allez-vous aujourd'hui ?", "Le train part à sept heures du soir.",
        "Je voudrais commander une pizza.", "Pouvez-vous répéter la dernière question ?",
        "Nous allons à la montagne avec les enfants.", "Merci de votre appel, au revoir.",
        "Cet hiver est plus froid que le dernier.", "Elle ne boit jamais de café.",
        "La bibliothèque ferme tôt le vendredi.", "Quelle belle idée !",
        "Mon frère a acheté une petite voiture rouge.", "Tournez à gauche derrière la vieille église.",
    ],
    "es": [
        "Buenos días, ¿cómo está usted hoy?", "El tren sale a las siete de la tarde.", "Quisiera pedir una pizza.",
        "¿Puede repetir la última pregunta?", "Vamos a la montaña con los niños.", "Gracias por llamar, adiós.",
        "Este invierno es más frío que el anterior.", "Ella nunca toma café en el trabajo.",
        "La biblioteca cierra temprano los viernes.", "¡Qué buena idea!", "Mi hermano compró un coche rojo pequeño.",
        "Doble a la izquierda detrás de la iglesia vieja.",
    ],
}  # fmt: skip
FOREIGN_VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+f5", "+croak", "+klatt2")
HELD_OUT_SENTENCES = 3
"""The last sentences of each foreign language are kept for the evaluation."""


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence of the corpus."""

    offset: int
    samples: int
    text: str
    words: tuple[tuple[str, float, float], ...]
    """(word with its capitals and punctuation, start, end) in seconds from the utterance's start."""
    voice: str
    engine: str
    split: str
    language: str = "ru"


class Corpus:
    """All utterances, and the sound of each on demand."""

    def __init__(self, folder: Path = CORPUS, name: str = "speech") -> None:
        self.sound = np.load(folder / f"{name}.npy", mmap_mode="r")
        letters = folder / "letters.npy"
        self.classes = np.load(letters) if name == "speech" and letters.exists() else None
        records = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.utterances = [to_utterance(record) for record in records]
        self.by_voice: dict[str, dict[str, list[Utterance]]] = {}
        for utterance in self.utterances:
            self.by_voice.setdefault(utterance.split, {}).setdefault(utterance.voice, []).append(utterance)

    def wave(self, utterance: Utterance, speed: float = 1.0) -> Wave:
        """The sound, float32 within -1..1; `speed` above 1 is faster and higher."""
        end = utterance.offset + utterance.samples
        part = np.asarray(self.sound[utterance.offset : end], dtype=np.float32) / 32768.0
        if speed == 1.0:
            return part
        return np.asarray(soxr.resample(part, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="QQ"), dtype=np.float32)

    def letters(self, utterance: Utterance) -> NDArray[np.int8]:
        """The class of the letter heard in each 20 ms (see `frame_letters`); -100 where that is not known."""
        first, count = utterance.offset // FRAME_SAMPLES, utterance.samples // FRAME_SAMPLES
        return np.full(count, UNKNOWN, np.int8) if self.classes is None else self.classes[first : first + count]

    def split(self, split: str) -> list[Utterance]:
        """All utterances of a split, in the order of the file."""
        return [utterance for utterance in self.utterances if utterance.split == split]

    def voices(self, rng: random.Random, split: str, count: int) -> list[str]:
        """Draw voices, those with much speech more often, though less than in proportion."""
        voices = self.by_voice[split]
        weights = [len(utterances) ** 0.5 for utterances in voices.values()]
        return rng.choices(list(voices), weights, k=count)

    def draw(self, rng: random.Random, split: str, voice: str, said: Collection[str] = ()) -> Utterance:
        """Any utterance of a voice, rarely one whose text is in `said` already."""
        utterance = rng.choice(self.by_voice[split][voice])
        for _ in range(5):
            if utterance.text not in said:
                break
            utterance = rng.choice(self.by_voice[split][voice])
        return utterance


def to_utterance(record: dict[str, object]) -> Utterance:
    """Read one record; the corpus writes words with or without their punctuation, so the text's own are taken."""
    timed: list[tuple[str, float, float]] = [tuple(word) for word in record["words"]]  # type: ignore[attr-defined]
    written = str(record["text"]).split()
    if len(written) == len(timed):
        timed = [(word, start, end) for word, (_, start, end) in zip(written, timed, strict=True)]
    return Utterance(
        offset=int(record["offset"]),  # type: ignore[call-overload]
        samples=int(record["samples"]),  # type: ignore[call-overload]
        text=str(record["text"]),
        words=tuple(timed),
        voice=str(record["voice"]),
        engine=str(record["engine"]),
        split=str(record["split"]),
        language=str(record.get("language", "ru")),
    )


def speak_foreign(folder: Path = CORPUS) -> None:
    """Say the foreign sentences with eSpeak NG into `foreign.npy` and `foreign.json`: under a minute."""
    waves: list[NDArray[np.int16]] = []
    records: list[dict[str, object]] = []
    offset = 0
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "spoken.wav")
        for language, sentences in FOREIGN.items():
            for index, text in enumerate(sentences):
                for variant in FOREIGN_VARIANTS:
                    speed, pitch = rng.randint(135, 190), rng.randint(35, 65)
                    options = ["-v", language + variant, "-s", str(speed), "-p", str(pitch)]
                    subprocess.run(["espeak-ng", *options, "-w", path, text], check=True)  # noqa: S603, S607
                    wave, rate_hz = soundfile.read(path, dtype="float32")
                    sound = (soxr.resample(wave, rate_hz, SAMPLE_RATE_HZ) * 20000).clip(-32768, 32767).astype(np.int16)
                    split = "train" if index < len(sentences) - HELD_OUT_SENTENCES else "heldout"
                    records.append({
                        "offset": offset, "samples": len(sound), "text": text, "words": [], "engine": "espeak",
                        "voice": language + variant, "split": split, "language": language,
                    })  # fmt: skip
                    waves.append(sound)
                    offset += len(sound)
    np.save(folder / "foreign.npy", np.concatenate(waves))
    (folder / "foreign.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")


def grammar_texts(count: int = 6000, seed: int = 7) -> list[str]:
    """Sentences of the grammar, an eighth of them random word strings, to train the tokenizer on."""
    rng = random.Random(seed)
    words = grammar.vocabulary()
    return [grammar.sentence(rng) if i % 8 else grammar.word_string(rng, words) for i in range(count)]


def not_speech(rng: np.random.Generator, seconds: float) -> Wave:
    """Silence, noise, hum, tones, clicks or something like music, at any loudness.

    Returns:
        (seconds * 16000,), float32.
    """
    count = round(seconds * SAMPLE_RATE_HZ)
    makers = (silence, hiss, hiss, tones, clicks, music)
    wave = makers[rng.integers(len(makers))](rng, count)
    if rng.random() < 0.3:
        wave = wave + 0.3 * makers[rng.integers(1, len(makers))](rng, count)
    peak = float(np.abs(wave).max(initial=0.0))
    return (wave * (10.0 ** rng.uniform(-3.0, -0.2) / peak)).astype(np.float32) if peak > 0 else wave


def silence(_rng: np.random.Generator, count: int) -> Wave:
    """Digital silence."""
    return np.zeros(count, dtype=np.float32)


def hiss(rng: np.random.Generator, count: int) -> Wave:
    """Noise of a random colour that swells and fades."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1.0 / SAMPLE_RATE_HZ)
    spectrum *= np.maximum(hz, 30.0) ** rng.uniform(-1.2, 0.4)
    swell = np.interp(np.arange(count), np.linspace(0, count, 12), rng.uniform(-0.8, 0.0, 12) * rng.integers(0, 2))
    return (np.fft.irfft(spectrum, count) * 10.0**swell).astype(np.float32)


def tones(rng: np.random.Generator, count: int) -> Wave:
    """Mains hum, or beeps such as a busy line or dialled digits."""
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    if rng.random() < 0.3:
        base_hz = rng.choice([50.0, 60.0, 100.0])
        hum = [np.sin(2 * np.pi * base_hz * k * time_s) / k for k in range(1, 6)]
        return np.asarray(np.stack(hum).sum(axis=0), dtype=np.float32)
    wave = np.sin(2 * np.pi * rng.uniform(300, 1700) * time_s) + np.sin(2 * np.pi * rng.uniform(300, 1700) * time_s)
    period_s = rng.uniform(0.15, 1.5)
    return (wave * ((time_s % period_s) < period_s * rng.uniform(0.3, 1.0))).astype(np.float32)


def clicks(rng: np.random.Generator, count: int) -> Wave:
    """Knocks, keys and crackle: short decaying bursts."""
    wave = 1e-3 * rng.standard_normal(count)
    for _ in range(max(1, round(count / SAMPLE_RATE_HZ * rng.uniform(0.5, 6)))):
        length = int(rng.integers(40, 1600))
        at = int(rng.integers(0, max(1, count - length)))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        wave[at : at + length] += (burst * rng.uniform(0.1, 1.0))[: count - at]
    return wave.astype(np.float32)


def music(rng: np.random.Generator, count: int) -> Wave:
    """Notes of a few harmonics on a scale, two or three at a time, each dying away."""
    wave = np.zeros(count + SAMPLE_RATE_HZ)
    scale_hz = rng.uniform(110, 330) * 2.0 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    beat = int(rng.uniform(0.12, 0.5) * SAMPLE_RATE_HZ)
    length = min(SAMPLE_RATE_HZ, 3 * beat)
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    harmonics = rng.uniform(0.1, 1.0, 6)
    for at in range(0, count, beat):
        for _ in range(int(rng.integers(1, 4))):
            note_hz = rng.choice(scale_hz)
            note = sum(h * np.sin(2 * np.pi * note_hz * (k + 1) * time_s) for k, h in enumerate(harmonics))
            wave[at : at + length] += note * np.exp(-time_s * rng.uniform(1, 8)) * np.minimum(1, time_s * 100)
    return wave[:count].astype(np.float32)
