"""Words that the worker loses in real repetitions, beside a plain reading by the same model.

    python -m bench.repetitions MODEL [--scores FILE]

`MODEL` is a CTranslate2 folder, such as build/real-models/whisper-base. The plain reading is faster-whisper's, one
window after the other, at temperature 0 and without any threshold. A word is lost where the plain reading has it and
the worker's answer has not. Words may be missing without being lost: where both readings have other words than are
spoken, the answer may still have fewer. `--scores` writes both readings as JSON lines, the plain one with its scores.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.systems import BEAM_SIZE, COMPUTE_TYPE
from tests.corpora.repetitions import Recipe, recipes
from tests.corpora.words import comparable, found_words
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.recordings import Recording

MAX_SHOWN = 120
"""Letters of a removed text that are printed."""

COLUMNS = ("spoken", "plain", "worker", "lost", "won", "missing", "in")
"""Columns of the table: words, and the number of recordings in which any is lost or missing."""


@dataclass(frozen=True)
class Comparison:
    """Words of one recording in the plain reading and in the worker's answer."""

    recipe: Recipe
    reference: str
    plain: str
    ours: str
    warnings: tuple[str, ...]
    removed: tuple[str, ...]
    """Texts that the worker removed, each with the reason."""
    scores: tuple[dict[str, Any], ...]
    """Text and scores of each segment of the plain reading."""

    @property
    def lost(self) -> int:
        """Words of the reference that only the plain reading has."""
        pairs = zip(found_words(self.reference, self.plain), found_words(self.reference, self.ours), strict=True)
        return sum(plain and not ours for plain, ours in pairs)

    @property
    def missing(self) -> int:
        """Words, right or wrong, by which the answer is shorter than both the reference and the plain reading."""
        spoken, plain, ours = (len(comparable(text)) for text in (self.reference, self.plain, self.ours))
        return max(0, min(spoken, plain) - ours)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers in the order of `COLUMNS`."""
        plain, ours = found_words(self.reference, self.plain), found_words(self.reference, self.ours)
        won = sum(ours and not plain for plain, ours in zip(plain, ours, strict=True))
        return len(plain), sum(plain), sum(ours), self.lost, won, self.missing, self.lost > 0 or self.missing > 0


def compare(model: Path, chosen: Iterable[Recipe], threads: int = 1) -> Iterable[Comparison]:
    """Transcribe recordings with both, one after the other."""
    read_plainly = plain_reader(model, threads)
    worker = open_worker(load_settings(device="cpu", threads=threads))
    for recipe in chosen:
        recording = recipe.make()
        segments = read_plainly(recording, recipe.language)
        fields = {"model": str(model.resolve()), "compute_type": COMPUTE_TYPE, "beam_size": BEAM_SIZE, "debug": True}
        asked = {"audio_base64": recording.flac_base64, "language": recipe.language, **fields}
        response = answer(worker, recipe.name, asked, local=True)
        if "error" in response:
            raise RuntimeError(f"the worker failed on {recipe.name}: {response['error']}")
        removed = response.get("debug", {}).get("removed", ())
        yield Comparison(
            recipe,
            " ".join(word.text for word in recording.words),
            " ".join(segment["text"] for segment in segments),
            " ".join(segment["text"] for segment in response["segments"]),
            tuple(response["warnings"]),
            tuple(f"{one['text'][:MAX_SHOWN]} ({one['why']})" for one in removed),
            tuple(segments),
        )


def plain_reader(model: Path, threads: int) -> Callable[[Recording, str], list[dict[str, Any]]]:
    """Load faster-whisper; its readings have text and scores."""
    from faster_whisper import WhisperModel

    whisper = WhisperModel(str(model), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)

    def read(recording: Recording, language: str) -> list[dict[str, Any]]:
        segments, _ = whisper.transcribe(
            recording.sound,
            language=language,
            beam_size=BEAM_SIZE,
            temperature=0.0,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
        )
        keys = ("text", "start", "end", "avg_logprob", "no_speech_prob", "compression_ratio")
        return [{key: getattr(segment, key) for key in keys} for segment in segments]

    return read


def print_losses(one: Comparison) -> None:
    """Print what is lost in one recording, and what the worker's warnings are."""
    print(f"\n{one.recipe.name}: {one.lost} words lost, {one.missing} missing")
    print(f"  spoken  {one.reference}\n  plain   {one.plain}\n  worker  {one.ours}")
    for text in one.removed:
        print(f"  removed {text}")
    for text in one.warnings:
        if "removed" not in text:
            print(f"  warned  {text}")
    print(end="", flush=True)


def main() -> None:
    """Print the words lost in each recording, and the sum of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--scores", type=Path, default=None)
    parser.add_argument("--only", default="", help="part of the names of the recordings")
    arguments = parser.parse_args()
    sums: dict[str, list[int]] = {}
    lines: list[str] = []
    for one in compare(arguments.model, [recipe for recipe in recipes() if arguments.only in recipe.name]):
        for kind in (one.recipe.kind, "all"):
            sums[kind] = [a + b for a, b in zip(sums.get(kind, [0] * len(COLUMNS)), one.counts, strict=True)]
        kept = {"name": one.recipe.name, "reference": one.reference, "ours": one.ours, "segments": one.scores}
        lines.append(json.dumps(kept, ensure_ascii=False) + "\n")
        if arguments.scores:
            arguments.scores.write_text("".join(lines), encoding="utf-8")
        if one.lost or one.missing:
            print_losses(one)
    print(f"\n{'':16}" + "".join(f"{head:>9}" for head in COLUMNS))
    for kind, counts in sums.items():
        print(f"{kind:16}" + "".join(f"{count:9}" for count in counts))


if __name__ == "__main__":
    main()
