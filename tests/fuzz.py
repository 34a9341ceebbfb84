"""Strangers' input by the ten thousand: requests, recordings, log lines. `make fuzz`.

    python -m tests.fuzz                       100,000 requests, 5,000 mutated recordings, 20,000 log lines
    python -m tests.fuzz --requests 1000 --files 100 --lines 1000

A request is taken or refused with one sentence. A recording is decoded or refused with one sentence, in the time that it
is given; a decoder that crashes takes a child process with it and nothing else. A masked line holds no secret.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.media import Format, write
from tests.voiceprints import seen_of, some_text
from whisperx_worker import BadInputError
from whisperx_worker.audio import decode_server
from whisperx_worker.contract.request import ALIASES, Request
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.contract.validation import Abilities, parse_request
from whisperx_worker.logs import redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

ROOT = Path(__file__).parent.parent
LONGEST_SENTENCE = 20_000
SLOWEST_REQUEST_S = 2.0
SLOWEST_FILE_S = 60.0
TOKEN = "hf_" + "PlantedSecret" * 2 + "77"
ABILITIES = Abilities(frozenset({"json", "srt"}), frozenset({"one"}), {})

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.sampled_from(["", "auto", "ru", "0"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
PLACES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["https://example.com/a.wav", "http://[::1", "data:audio/wav;base64,AAAA", "data:;base64", "file:///x"]
    ),
    st.builds("{}://{}:{}/{}".format, st.text(max_size=6), st.text(max_size=20), st.integers(), st.text(max_size=20)),
)
VOICEPRINT = some_text()
VOICEPRINTS = st.builds(lambda start, end: VOICEPRINT[start:end], st.integers(0, 40), st.integers(0, 1200)) | st.just(
    VOICEPRINT
)
SAMPLES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"name": SCALARS, "url": PLACES | SCALARS, "audio_base64": PLACES | SCALARS, "x": SCALARS}
    )
    | JSON,
    max_size=4,
)
SPEAKERS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": SCALARS,
            "voiceprints": st.lists(VOICEPRINTS | SCALARS, max_size=3) | JSON,
            "samples": SAMPLES | JSON,
        },
    )
    | JSON,
    max_size=4,
)
VALUES: dict[str, SearchStrategy[object]] = {
    "audio_file": PLACES | JSON,
    "audio_base64": PLACES | JSON,
    "speaker_samples": SAMPLES | JSON,
    "speakers": SPEAKERS | JSON,
    "plugins": st.dictionaries(st.sampled_from(["one", "two"]) | st.text(max_size=8), JSON, max_size=3) | JSON,
    "output_formats": st.lists(st.sampled_from(["json", "srt", "rttm"]) | st.text(max_size=8), max_size=4) | JSON,
    "huggingface_access_token": st.just(TOKEN) | JSON,
}
FIELDS = st.fixed_dictionaries(
    {}, optional={name: VALUES.get(name, JSON) for name in (*Request.model_fields, *ALIASES)}
)
REQUESTS = st.one_of(
    FIELDS,
    st.builds(lambda known, more: {**more, **known}, FIELDS, st.dictionaries(st.text(max_size=30), JSON, max_size=3)),
    JSON,
)


def fuzz(test: Callable[..., None], examples: int, number: int) -> None:
    """Run a property so many times."""
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    profile = settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=health
    )
    seed(number)(profile(test))()


def fuzz_requests(requests: int, number: int) -> Counter[str]:
    """Requests are taken, or refused with one sentence that holds no token."""
    ended: Counter[str] = Counter()

    def are_taken_or_told(drawn: object) -> None:
        for data in variants(drawn):
            ended[taken_or_told(data)] += 1

    while sum(ended.values()) < requests:  # in pieces, since the memory of what was tried grows
        fuzz(given(REQUESTS)(are_taken_or_told), min(requests, 500), number)
        number += 1
    return ended


def variants(data: object) -> Iterator[object]:
    """A request, itself without each of its fields, with the others' values, and beside one that is right."""
    yield data
    if isinstance(data, dict):
        for left_out in data:
            yield {name: value for name, value in data.items() if name != left_out}
            yield {"audio_file": "https://example.com/a.wav", left_out: data[left_out]}
        names, values = list(data), list(data.values())
        yield dict(zip(names, [*values[1:], *values[:1]], strict=True))


def taken_or_told(data: object) -> str:
    """How a request ended; fails when that is not as it must be."""
    began = time.monotonic()
    try:
        parse_request(data, ABILITIES)
    except BadInputError as error:
        said = redaction.for_client(str(error))
        assert said.strip()
        assert "\n" not in said
        assert len(said) <= LONGEST_SENTENCE, f"a sentence of {len(said)} characters"
        assert "Traceback" not in said
        assert seen_of(VOICEPRINT, said) == []
        if not (isinstance(data, dict) and TOKEN in data):
            assert TOKEN not in said
        ended = "refused"
    else:
        ended = "taken"
    assert time.monotonic() - began < SLOWEST_REQUEST_S
    return ended


def fuzz_log_lines(examples: int, number: int) -> Counter[str]:
    """A secret is in no masked line, however it is written."""
    ended: Counter[str] = Counter()
    forms = {
        "plain": str,
        "quoted": lambda text: quote(text, safe=""),
        "json": lambda text: json.dumps(text)[1:-1],
        "repr": lambda text: repr(text)[1:-1],
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
    }
    secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)

    @given(secrets, st.text(max_size=60), st.text(max_size=60), st.sampled_from(sorted(forms)))
    def is_masked(secret: str, before: str, after: str, form: str) -> None:
        written = forms[form](secret)
        with redaction.hidden([secret]):
            masked = redaction.mask(f"{before} {written} {after}")
            assert written not in masked, f"{form}: {masked!r}"
            assert isinstance(redaction.for_client(f"{before}{written}{after}"), str)
        ended[form] += 1

    fuzz(is_masked, examples, number)
    return ended


FORMATS = (
    Format("wav", "pcm_s16le", 16_000, sample_format="s16"),
    Format("wav", "pcm_f32le", 44_100, 2, "flt"),
    Format("flac", "flac", sample_format="s16"),
    Format("mp3", "libmp3lame", 44_100),
    Format("ogg", "libopus"),
    Format("ogg", "libvorbis"),
    Format("m4a", "aac", 44_100),
    Format("mp4", "aac", video=True),
    Format("mkv", "libopus"),
    Format("webm", "libopus"),
    Format("aiff", "pcm_s16be", sample_format="s16"),
    Format("au", "pcm_mulaw", 8_000, sample_format="s16"),
    Format("wma", "wmav2", 44_100, container="asf"),
    Format("avi", "mp2", 44_100, sample_format="s16"),
    Format("ts", "aac", container="mpegts"),
    Format("aac", "aac", container="adts"),
    Format("ac3", "ac3"),
    Format("amr", "libopencore_amrnb", 8_000, sample_format="s16"),
    Format("caf", "alac", sample_format="s16p"),
    Format("flv", "aac", 44_100),
)


def originals(folder: Path) -> list[bytes]:
    """Real speech in every format that this machine's ffmpeg writes."""
    import av
    import soundfile
    import soxr

    speech, rate_hz = soundfile.read(ROOT / "demo" / "dialogue.flac", frames=3 * 16_000, dtype="float32")
    made = []
    for form in FORMATS:
        try:
            path = write(folder / f"original.{form.suffix}", form, soxr.resample(speech, rate_hz, form.rate_hz))
        except (av.FFmpegError, ValueError) as error:
            print(f"not fuzzed: {form} ({error})")
            continue
        made.append(path.read_bytes())
    return made


def mutated(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A file with some of the damage that transfers, disks and enemies do."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        size = len(damaged)
        # Headers are where numbers are believed.
        at = rng.randrange(min(size, 512) if rng.random() < 0.6 else size) if size else 0
        length = rng.choice((1, 2, 4, 8, 64, 1024, 16_384))
        match rng.randrange(8):
            case 0:
                damaged[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                damaged[at : at + 4] = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)).to_bytes(
                    4, rng.choice(("little", "big"))
                )
            case 2:
                del damaged[at : at + length]
            case 3:
                damaged[at:at] = damaged[at : at + length]
            case 4:
                damaged[at : at + length] = rng.randbytes(length)
            case 5:
                del damaged[at:]
            case 6:
                other = rng.choice(others)
                begins = rng.randrange(len(other))
                damaged[at : at + length] = other[begins : begins + length]
            case _:
                damaged[at : at + length] = bytes(length)
    return bytes(damaged)


def fuzz_files(files: int, number: int) -> Counter[str]:
    """Mutated recordings are decoded, or refused with one sentence, in time; this process is not touched."""
    limits, rng = load_settings(max_audio_s=600.0), random.Random(number)
    ended: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        sources = originals(folder)
        path = folder / "mutated"
        for _ in range(files):
            content = mutated(rng.choice(sources), sources, rng)
            path.write_bytes(content)
            began = time.monotonic()
            try:
                audio, warnings = decode_server.decode(path, limits)
            except BadInputError as error:
                said = str(error)
                assert "\n" not in said
                assert str(folder) not in said
                kind = "crashed its process" if "crash" in said else "refused"
            else:
                assert np.isfinite(audio.samples).all()
                assert 0 < audio.duration_s <= limits.max_audio_s
                kind = "decoded, with warnings" if warnings else "decoded"
            took_s = time.monotonic() - began
            if kind == "crashed its process" or took_s > SLOWEST_FILE_S:
                kept = Path(tempfile.gettempdir()) / f"fuzz-{kind.split()[0]}-{ended[kind]}"
                kept.write_bytes(content)
                print(f"{kind} in {took_s:.1f} s: {kept}")
            assert took_s <= SLOWEST_FILE_S
            ended[kind] += 1
    return ended


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, fuzzed, examples in (
        ("recordings", fuzz_files, options.files),
        ("log lines", fuzz_log_lines, options.lines),
        ("requests", fuzz_requests, options.requests),
    ):
        began = time.monotonic()
        ended = fuzzed(examples, options.seed)
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(ended.items()))
        print(f"{sum(ended.values())} {name} in {time.monotonic() - began:.0f} s: {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
