"""Names for a job's speakers from a library of voices; for jobs of a person on this machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whisperx_worker.contract.audio_source import source_stem
from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.learning import MIN_SPEECH_S, RecordedVoice, name_voices
from whisperx_worker.voices.library import open_library
from whisperx_worker.voices.person_names import UNKNOWN
from whisperx_worker.voices.voiceprint import read_voiceprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Audio, Seconds, SpeakerMatch, SpeakerTurn
    from whisperx_worker.voices.learning import VoiceName


def _ignore(_sentence: str) -> None:
    pass


@dataclass(frozen=True)
class KnownVoices:
    """Library that names the speakers of jobs, and may learn from them."""

    path: Path
    learn: bool = False
    """Whether unknown voices are kept, to have the same label in the next recording."""
    keeps_voiceprints: bool = False
    """Whether the answer has the voiceprints that names are found by."""
    note: Callable[[str], None] = _ignore
    """Gets a sentence for each person with voices that another has now."""

    def check(self) -> None:
        """Open the library, before any heavy work; make it where it may learn.

        Raises:
            WorkerError: It cannot be used.
        """
        with open_library(self.path, create=self.learn):
            pass

    def name_speakers(
        self, job: Job, audio: Audio, matches: Sequence[SpeakerMatch], turns: Sequence[SpeakerTurn]
    ) -> tuple[SpeakerMatch, ...]:
        """Return the matches with names from the library.

        A speaker whom verification named keeps that name and is not kept in the library.

        Args:
            job: For the speaker model and for warnings of uncertain voices.
            audio: The recording; its hash says whether the library knows it already.
            matches: What verification found, with voiceprints of speakers.
            turns: Who speaks when.

        Raises:
            WorkerError: The library cannot be used.
        """
        starts = _longest_turns(turns)
        voices = []
        for match in matches:
            if match.voiceprint is None or match.speaker is None or match.speaker_id not in {None, UNKNOWN}:
                continue
            try:
                voiceprint = read_voiceprint(match.voiceprint)
            except BadInputError as error:
                job.warn(f"the voiceprint of {match.speaker} {error}; the library does not name this speaker")
                continue
            voices.append(RecordedVoice(match.speaker, voiceprint, starts.get(match.speaker)))
        names = self._names(job, audio, voices)
        named = [_named(match, names) for match in matches]
        return tuple(named if self.keeps_voiceprints else [replace(match, voiceprint=None) for match in named])

    def _names(self, job: Job, audio: Audio, voices: Sequence[RecordedVoice]) -> dict[str, VoiceName]:
        if not voices:
            job.warn("the library of voices names nobody: no speaker could be compared", lossless=True)
            return {}
        chosen = job.request.speaker_threshold
        model = job.embed_voices(())
        calibration = model.calibration if chosen is None else None
        if calibration is None and chosen is None:
            job.warn(
                f"the speaker model {model.model} has no calibration: the library of voices decides by a cosine of "
                f"{model.threshold:.2f}, and how often a stranger gets a name is not known",
                lossless=True,
            )
        with open_library(self.path) as library:
            found = name_voices(
                library,
                voices,
                hashlib.sha256(audio.samples.data).digest(),
                threshold=model.threshold if chosen is None else chosen,
                calibration=calibration,
                title=source_stem(job.request.source) or None,
                learn=self.learn,
            )
        for sentence in found.changes:
            self.note(sentence)
        for voice, name in zip(voices, found.names, strict=True):
            if name.candidates:
                people = " or ".join(f"{person} ({score:.2f})" for person, score in name.candidates)
                job.warn(f"{name.label} may be {people} and is {UNKNOWN}")
            elif voice.voiceprint.speech_s < MIN_SPEECH_S:
                job.warn(
                    f"{name.label} has {voice.voiceprint.speech_s:.1f} s of clean speech, and the library of voices "
                    f"needs {MIN_SPEECH_S:.0f}"
                )
        return {name.label: name for name in found.names}


def _longest_turns(turns: Sequence[SpeakerTurn]) -> dict[str, Seconds]:
    """Return where the longest turn of each speaker begins."""
    by_length = sorted(turns, key=lambda turn: turn.end - turn.start)
    return {turn.speaker: turn.start for turn in by_length}


def _named(match: SpeakerMatch, names: dict[str, VoiceName]) -> SpeakerMatch:
    name = names.get(match.speaker or "") if match.segment is None else None
    if name is None:
        return match
    return replace(
        match,
        speaker_id=name.name,
        similarity=name.similarity,
        runner_up=name.runner_up,
        false_name_probability=name.false_name_probability,
    )
