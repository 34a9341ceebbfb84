"""Clips of the corpus of repetitions, `tests/corpora`: real clips and words cut from them, and synthesised sentences.

    training/data/synthesisers/run .venv/bin/python -m training.speech.repetitions_audio RECORDINGS

`RECORDINGS` has the real clips and their `index.jsonl`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from training.paths import ROOT
from training.speech.espeak import Espeak
from training.speech.festival import festival
from training.speech.rhvoice import RHVoice
from training.speech.utterance import RATE_HZ, SynthesisError, Voice, Wave

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = ROOT / "tests" / "corpora"
EDGE_S = 0.1
"""Distance around the end of a cut in which its quietest place is searched."""
GAP_S = 0.2
BLOCK = 8_192
"""Samples that the encoder gets at once: it keeps a whole block on its stack."""

WHOLE = (
    "ru/cv/common_voice_ru_18881251", "ru/cv/common_voice_ru_18894140", "ru/cv/common_voice_ru_18932895",
    "ru/cv/common_voice_ru_18965550", "ru/cv/common_voice_ru_19336690", "ru/cv/common_voice_ru_22204432",
    "ru/cv/common_voice_ru_23690622", "ru/cv/common_voice_ru_23763448", "ru/cv/common_voice_ru_23862930",
    "ru/prompts/ascii123", "ru/prompts/call-from", "ru/prompts/conf-muted", "ru/prompts/conf-extended",
    "ru/prompts/forhelp", "ru/prompts/privacy-incorrect", "ru/prompts/sorry", "ru/prompts/tt-somethingwrong",
    "ru/prompts/tt-weasels", "ru/prompts/vm-dialout", "ru/prompts/vm-msgforwarded", "ru/prompts/vm-next",
    "ru/prompts/vm-pls-try-again", "ru/prompts/vm-reenterpassword", "ru/prompts/vm-calldiffnum",
    "ru/prompts/vm-options", "ru/prompts/vm-review", "languages/en/common_voice_en_21999198",
    "languages/en/common_voice_en_550974", "languages/tt/common_voice_tt_17791577",
)  # fmt: skip
"""Real clips that are taken whole."""

CUTS = (
    ("ru/prompts/priv-introsaved", 0.0, 0.6, "спасибо"),
    ("ru/prompts/vm-pls-try-again", 0.0, 0.72, "пожалуйста"),
    ("ru/prompts/privacy-incorrect", 0.0, 0.78, "извините"),
    ("ru/prompts/forhelp", 1.48, 1.98, "ноль"),
    ("ru/prompts/vm-review", 0.6, 1.0, "один"),
    ("ru/prompts/vm-review", 2.62, 3.1, "два"),
    ("ru/prompts/vm-review", 4.68, 5.04, "три"),
    ("ru/prompts/vm-review-urgent", 0.5, 1.04, "четыре"),
    ("ru/prompts/dir-multi9", 0.5, 0.98, "девять"),
    ("ru/prompts/demo-instruct", 50.1, 51.62, "один два три четыре"),
    ("ru/prompts/demo-instruct", 52.34, 53.92, "четыре два четыре два"),
    ("ru/cv/common_voice_ru_18897218", 0.4, 0.88, "нет"),
    ("ru/cv/common_voice_ru_23862930", 0.7, 2.3, "ну так что ли"),
)
"""Words cut from real clips: start and end in seconds, and what is spoken between them."""

LICENCES = {"rhvoice": "voice under the GPL", "festival": "LICENSE.festvox-ru.txt", "espeak": "made by rules"}
SENTENCES = FOLDER / "sentences.txt"


@dataclass(frozen=True)
class Clip:
    """An entry of `clips.json`: a clip of one of the files."""

    name: str
    file: str
    start: float
    end: float
    text: str
    language: str
    speaker: str
    licence: str
    source: str


def main() -> None:
    """Write the sound files and `clips.json`."""
    recordings = Path(sys.argv[1])
    clips = [*write("real.ogg", real_clips(recordings)), *write("synthetic.ogg", sentences())]
    lines = ",\n".join(json.dumps(asdict(clip), ensure_ascii=False) for clip in clips)
    (FOLDER / "clips.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def real_clips(recordings: Path) -> Iterator[tuple[Clip, Wave]]:
    """Yield the real clips and cuts, at 16 kHz, without silence at their ends."""
    lines = (recordings / "index.jsonl").read_text(encoding="utf-8").splitlines()
    index = {entry["path"].rpartition(".")[0]: entry for entry in map(json.loads, lines)}
    wanted = [(path, None, None, None) for path in WHOLE]
    for path, start_s, end_s, text in [*wanted, *CUTS]:
        entry = index[path]
        wave = read(recordings / entry["path"])
        if start_s is not None and end_s is not None:
            wave = wave[quietest(wave, start_s) : quietest(wave, end_s)]
        name = path.rpartition("/")[2].removeprefix("common_voice_") + (f"/{text}" if text else "")
        speaker = entry["speaker"] or "asterisk-ru"
        source = entry["source"]
        yield (
            Clip(name, "", 0, 0, text or entry["text"], entry["language"], speaker, entry["licence"], source),
            trim(wave),
        )


def sentences() -> Iterator[tuple[Clip, Wave]]:
    """Yield the synthesised sentences of `sentences.txt`."""
    rhvoice, espeak = RHVoice(), Espeak()
    for number, line in enumerate(SENTENCES.read_text(encoding="utf-8").splitlines()):
        if not line or line.startswith("#"):
            continue
        engine, base, text = (part.strip() for part in line.split("|"))
        voice = Voice(engine, base, base.lower())
        try:
            if engine == "festival":
                spoken = festival([text], voice)[0]
            else:
                spoken = (rhvoice if engine == "rhvoice" else espeak).speak(text, voice)
        except SynthesisError as error:
            print(error)
            continue
        if spoken is None:
            print(f"{engine} gave other words than {text!r}")
            continue
        licence = {"rhvoice": "GPL-3.0-or-later (voice)", "festival": "LICENSE.festvox-ru.txt"}.get(
            engine, "none needed"
        )
        yield Clip(f"{engine}-{base}-{number}".lower(), "", 0, 0, text, "ru", base, licence, engine), spoken.wave


def write(name: str, clips: Iterable[tuple[Clip, Wave]]) -> list[Clip]:
    """Write clips one after the other into one file.

    Returns:
        The clips with the file and their places in it.
    """
    placed: list[Clip] = []
    at = 0
    with soundfile.SoundFile(
        FOLDER / name, "w", RATE_HZ, 1, format="OGG", subtype="VORBIS", compression_level=0.6
    ) as file:
        for clip, wave in clips:
            sound = np.concatenate([wave, np.zeros(round(GAP_S * RATE_HZ), np.float32)])
            for first in range(0, len(sound), BLOCK):
                file.write(sound[first : first + BLOCK])
            times = {"start": at / RATE_HZ, "end": (at + len(wave)) / RATE_HZ}
            placed.append(Clip(**{**asdict(clip), "file": name, **times}))
            at += len(sound)
    return placed


def read(path: Path) -> Wave:
    """Decode a recording to 16 kHz mono."""
    import soxr

    wave, rate_hz = soundfile.read(path, dtype="float32")
    return np.asarray(soxr.resample(wave, rate_hz, RATE_HZ), np.float32)


def quietest(wave: Wave, time_s: float) -> int:
    """Find the quietest 10 ms around a time."""
    step = RATE_HZ // 100
    first = max(0, round((time_s - EDGE_S) * RATE_HZ))
    last = min(len(wave) - step, round((time_s + EDGE_S) * RATE_HZ))
    starts = range(first, max(first + 1, last), step // 2)
    return min(starts, key=lambda at: float(np.square(wave[at : at + step]).sum())) + step // 2


def trim(wave: Wave) -> Wave:
    """Cut the silence at both ends, scale the peak to 0.5, and fade 5 ms."""
    step = RATE_HZ // 100
    levels = np.sqrt(np.square(wave[: len(wave) // step * step]).reshape(-1, step).mean(1))
    loud = np.flatnonzero(levels > max(levels.max() * 0.03, 1e-4))
    cut = wave[max(0, loud[0] - 8) * step : (loud[-1] + 12) * step].copy()
    ramp = np.linspace(0, 1, RATE_HZ // 200, dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[-len(ramp) :] *= ramp[::-1]
    return np.asarray(cut / max(2 * float(np.abs(cut).max()), 1e-4), np.float32)


if __name__ == "__main__":
    main()
