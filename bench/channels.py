"""Words lost where two people speak at once, mixed and with channels read apart: `python -m bench.channels`.

Calls are made of clips of two people, each on a channel, of which every clip begins before the one before it ends. The
mix is transcribed with diarization. A word of an overlapped stretch counts as wrong where no stream of the answer has
it near its time: a stream is the text of one speaker, of one channel, or all text. The mix thus loses nothing by wrong
speakers. Prints Markdown.
"""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path  # noqa: TC003 - the command line reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import jiwer
import numpy as np
import typer

from bench.real_conditions import as_piece, seeded
from bench.real_scores import normalise
from bench.real_voices import OWN_FOLDER, read_sound, read_voices, speech_frames
from bench.recordings import FLOOR_DB, LEVEL, Piece, over_telephone
from bench.systems import BEAM_SIZE, COMPUTE_TYPE
from tools.lock import ROOT
from tools.real_models import WHISPER
from whisperx_worker import SAMPLE_RATE_HZ, Segment, Word, intervals
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.results.repeated_words import spoken_words
from whisperx_worker.types import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.real_voices import Voices
    from bench.recordings import Rng, Sound
    from whisperx_worker import Seconds

SHARE = 0.4
"""Part of the shorter of two clips that overlaps with the other."""
NEAR_S = 1.0
"""Words of an answer are compared with turns that are so near."""
LEAK_DB = -20.0
LEAK_DELAY = SAMPLE_RATE_HZ // 100
RUSSIAN = "ru"

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Turn:
    """Clip of one person in a call."""

    channel: int
    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True, eq=False)
class Call:
    """Call of two people, one on each channel."""

    channels: Sound
    """Shape (2, n), at 16,000 Hz."""
    turns: tuple[Turn, ...]

    @property
    def overlaps(self) -> list[Span]:
        """Intervals in which both speak."""
        spans = [[Span(one.start, one.end) for one in self.turns if one.channel == channel] for channel in (0, 1)]
        return intervals.intersect(*map(intervals.merge, spans))

    @property
    def flac_base64(self) -> str:
        """FLAC of two channels in base64."""
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, self.channels.T, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
        return base64.b64encode(file.getvalue()).decode()


@dataclass
class Count:
    """Words of overlapped stretches, and what became of them."""

    words: int = 0
    wrong: int = 0
    extra: int = 0
    """Words of an answer's channels beyond those of the person there, whole calls."""


def make_call(clips: Sequence[tuple[int, str, Sound]], draw: Rng) -> Call:
    """Lay clips (channel, text, sound) on two channels, each before the end of the last one."""
    turns: list[Turn] = []
    end_s = 0.5
    placed: list[tuple[int, int, Sound]] = []
    for number, (channel, text, sound) in enumerate(clips):
        duration_s = len(sound) / SAMPLE_RATE_HZ
        before_s = len(clips[number - 1][2]) / SAMPLE_RATE_HZ if number else 0.0
        start_s = max(0.2, end_s - SHARE * min(duration_s, before_s))
        turns.append(Turn(channel, text, start_s, start_s + duration_s))
        placed.append((channel, round(start_s * SAMPLE_RATE_HZ), sound))
        end_s = start_s + duration_s
    size = round((end_s + 0.5) * SAMPLE_RATE_HZ)
    channels = draw.standard_normal((2, size), np.float32) * np.float32(LEVEL * 10 ** (FLOOR_DB / 20))
    for channel, first, sound in placed:
        channels[channel, first : first + len(sound)] += sound
    return Call(np.clip(channels, -1, 1), tuple(turns))


def real_calls(voices: Voices, count: int) -> Iterator[Call]:
    """Yield calls of pairs of Russian speakers, with two clips of each at most."""
    by_speaker = defaultdict(list)
    for clip in voices.russian:
        by_speaker[clip.speaker].append(clip)
    own = [clips[:2] for clips in by_speaker.values() if len(clips) > 1]
    for number, (one, other) in enumerate(list(zip(own[::2], own[1::2], strict=False))[:count]):
        order = [(0, one[0]), (1, other[0]), (0, one[1]), (1, other[1])]
        clips = [(channel, clip.text or "", trimmed(as_piece(clip).sound)) for channel, clip in order]
        yield make_call(clips, seeded(f"call {number}"))


def shipped_calls(_voices: Voices, _count: int) -> Iterator[Call]:
    """Yield the shipped dialogue, its turns moved on top of each other."""
    dialogue = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
    sound = read_sound(ROOT / "demo" / "dialogue.flac")
    speakers = list(dict.fromkeys(turn["speaker"] for turn in dialogue["turns"]))
    cut = [(turn, sound[round(turn["start"] * SAMPLE_RATE_HZ) : round(turn["end"] * SAMPLE_RATE_HZ)])
           for turn in dialogue["turns"]]  # fmt: skip
    yield make_call([(speakers.index(turn["speaker"]), turn["text"], own) for turn, own in cut], seeded("shipped"))


def trimmed(sound: Sound) -> Sound:
    """Cut silence off both ends."""
    frames = np.flatnonzero(speech_frames(sound))
    per_frame = len(sound) / len(speech_frames(sound))
    return sound[round(frames[0] * per_frame) : round((frames[-1] + 1) * per_frame)]


def on_telephone(call: Call) -> Call:
    """Pass each channel through a telephone line."""
    lines = [over_telephone(Piece(channel), seeded("line")) for channel in call.channels]
    return Call(np.stack(lines), call.turns)


def with_leak(call: Call) -> Call:
    """Add each side to the other's microphone, late and weaker."""
    late = np.pad(call.channels, ((0, 0), (LEAK_DELAY, 0)))[:, : call.channels.shape[1]]
    return Call(call.channels + late[::-1] * np.float32(10 ** (LEAK_DB / 20)), call.turns)


CONDITIONS: dict[str, tuple[Callable[[Voices, int], Iterator[Call]], Callable[[Call], Call]]] = {
    "real voices": (real_calls, lambda call: call),
    "real voices, telephone": (real_calls, on_telephone),
    f"real voices, leak of {LEAK_DB:g} dB": (real_calls, with_leak),
    "shipped dialogue": (shipped_calls, lambda call: call),
}
"""Makers of calls, and what is done to each."""


def streams_of(response: dict[str, Any]) -> dict[object, list[tuple[Seconds, str]]]:
    """Return the words of an answer with their times: of each speaker or channel, and all of them."""
    segments = [
        Segment(one["start"], one["end"], one["text"],
                tuple(Word(word["word"], word.get("start"), word.get("end")) for word in one.get("words", ())))
        for one in response["segments"]
    ]  # fmt: skip
    labels = [one.get("speaker") for one in response["segments"]]
    streams: dict[object, list[tuple[Seconds, str]]] = defaultdict(list)
    for word in spoken_words(segments):
        for text in normalise(word.text, RUSSIAN):
            for label in (labels[word.segment], "all"):
                streams[label].append(((word.start + word.end) / 2, text))
    return streams


def count_call(call: Call, response: dict[str, Any]) -> Count:
    """Count the words of a call that an answer lacks where both speak."""
    streams, count = streams_of(response), Count()
    for turn in call.turns:
        words = normalise(turn.text, RUSSIAN)
        letters = np.cumsum([0, *map(len, words)]) / sum(map(len, words))
        middles = turn.start + (letters[:-1] + letters[1:]) / 2 * (turn.end - turn.start)
        counted = {
            place for place, middle in enumerate(middles) if intervals.within(call.overlaps, middle, middle + 1e-3)
        }
        wrong = [
            wrong_words(words, [text for time, text in own if turn.start - NEAR_S <= time <= turn.end + NEAR_S])
            for own in streams.values()
        ]
        count.words += len(counted)
        count.wrong += min((len(counted & places) for places in wrong), default=len(counted))
    for channel, label in enumerate(("CHANNEL_0", "CHANNEL_1")):
        spoken = [word for turn in call.turns if turn.channel == channel for word in normalise(turn.text, RUSSIAN)]
        got = [text for _, text in streams.get(label, [])]
        count.extra += jiwer.process_words(" ".join(spoken), " ".join(got)).insertions if got else 0
    return count


def wrong_words(reference: Sequence[str], hypothesis: Sequence[str]) -> set[int]:
    """Return the places of a reference's words that are deleted or replaced."""
    if not hypothesis:
        return set(range(len(reference)))
    (chunks,) = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments
    return {
        place
        for chunk in chunks
        if chunk.type in {"delete", "substitute"}
        for place in range(chunk.ref_start_idx, chunk.ref_end_idx)
    }


@app.command()
def main(
    *,
    voices: Annotated[Path, typer.Option(help="folder of voices with an index.jsonl")] = OWN_FOLDER,
    calls: Annotated[int, typer.Option(help="calls of real voices")] = 4,
    threads: Annotated[int, typer.Option(help="of the worker")] = 2,
) -> None:
    """Compare the mix with channels read apart."""
    settings = load_settings(device="cpu", threads=threads, models=WHISPER.parent, diarization_model="demo-diarization")
    worker = open_worker(settings)
    run = partial(answer, worker)
    known = read_voices(voices)
    print("| condition | overlapped words | wrong, mix | wrong, apart | fewer | words twice or invented, apart |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (make, change) in CONDITIONS.items():
        mixed, apart = Count(), Count()
        for call in map(change, make(known, calls)):
            asked = {"model": WHISPER.name, "compute_type": COMPUTE_TYPE, "beam_size": BEAM_SIZE, "language": RUSSIAN,
                     "audio_base64": call.flac_base64}  # fmt: skip
            for sums, fields in ((mixed, {"diarization": True}), (apart, {"channels": "separate"})):
                response = run(name, {**asked, **fields})
                found = count_call(call, response)
                sums.words, sums.wrong, sums.extra = (
                    sums.words + found.words, sums.wrong + found.wrong, sums.extra + found.extra
                )  # fmt: skip
        fewer = 100 * (1 - apart.wrong / mixed.wrong) if mixed.wrong else 0.0
        print(f"| {name} | {mixed.words} | {mixed.wrong} | {apart.wrong} | {fewer:.0f} % | {apart.extra} |", flush=True)


if __name__ == "__main__":
    app()
