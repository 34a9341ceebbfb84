"""Names for the voices of a recording from a library, and the keeping of those voices.

Naming and keeping are one thing: the voices are grouped with all kept ones. Without keeping, the change is undone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.voices.library import (
    NewVoice,
    candidates_of,
    embedding_of,
    insert_voice,
    remember_model,
)
from whisperx_worker.voices.person_names import UNKNOWN
from whisperx_worker.voices.regrouping import regroup, scorer_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds
    from whisperx_worker.voices.calibration import Calibration
    from whisperx_worker.voices.library import Library
    from whisperx_worker.voices.voiceprint import Voiceprint

MIN_SPEECH_S = 3.0
"""Speech below which a voice is neither named nor kept."""
_SAME_VOICE = 0.99
"""Cosine of two embeddings of the same speech, which may differ by rounding."""


@dataclass(frozen=True, eq=False)
class RecordedVoice:
    """Voice of a speaker of a recording."""

    label: str
    voiceprint: Voiceprint = field(repr=False)
    start_s: Seconds | None = None
    """Where the speaker's longest turn begins."""


@dataclass(frozen=True)
class VoiceName:
    """Name of a voice of a recording."""

    label: str
    name: str = UNKNOWN
    similarity: float | None = None
    """Cosine with the person's other voices, or of an unknown voice with the nearest person; None without them."""
    runner_up: float | None = None
    false_name_probability: float | None = None
    candidates: tuple[tuple[str, float], ...] = ()
    """The two best people of an uncertain voice, with their scores."""
    is_new: bool = False
    """Whether it is the first voice of its person."""


@dataclass(frozen=True)
class NamedRecording:
    """Names of the voices of a recording, and what its keeping changed."""

    names: tuple[VoiceName, ...]
    changes: tuple[str, ...] = ()
    """Sentences about people with voices that another has now."""
    was_kept: bool = False
    """Whether the recording was kept already."""


def name_voices(  # noqa: PLR0913  what is named has a default
    library: Library,
    voices: Sequence[RecordedVoice],
    content: bytes,
    *,
    threshold: float,
    calibration: Calibration | None = None,
    title: str | None = None,
    learn: bool = False,
) -> NamedRecording:
    """Name the voices of a recording, and keep them if wanted.

    A recording that is kept already changes nothing: its voices have the names that the library has for them now.

    Args:
        library: The people that are known.
        voices: All by one revision of a speaker model.
        content: Hash of the recording.
        threshold: Cosine of the model below which two voices are two people.
        calibration: The model's calibration, if it has one.
        title: The recording's name, for a person who decides.
        learn: Whether the voices are kept.
    """
    if not voices:
        return NamedRecording(())
    model, revision = voices[0].voiceprint.model, voices[0].voiceprint.revision
    long_enough = [voice for voice in voices if voice.voiceprint.speech_s >= MIN_SPEECH_S]
    with library.change() as connection:
        kept = _kept_voices(connection, content, revision)
        was_kept = bool(kept)
        if not was_kept:
            remember_model(connection, model, revision, threshold, calibration)
        ids = {voice.label: kept_id for voice in long_enough if (kept_id := _kept_id(voice, kept)) is not None}
        people_before = {person for (person,) in connection.execute("SELECT id FROM people")}
        missing = [voice for voice in long_enough if voice.label not in ids]
        for voice in missing:
            new = NewVoice(voice.voiceprint, "learned", content, title, voice.label, voice.start_s)
            ids[voice.label] = insert_voice(connection, new, person=_person_by_other_model(connection, voice, content))
        changes = regroup(connection, revision) if missing else []
        known = _People(connection, revision)
        found = {label: known.name_of(label, kept_id, people_before) for label, kept_id in ids.items()}
        if was_kept or not learn:
            connection.rollback()
            changes = []
            found = {label: _unnamed(name) if name.is_new else name for label, name in found.items()}
    names = tuple(found.get(voice.label, VoiceName(voice.label)) for voice in voices)
    return NamedRecording(names, tuple(changes), was_kept)


def _unnamed(name: VoiceName) -> VoiceName:
    return VoiceName(name.label, UNKNOWN, name.runner_up)


def _kept_voices(connection: sqlite3.Connection, content: bytes, revision: str) -> dict[str, tuple[int, bytes]]:
    found = connection.execute(
        "SELECT label, id, embedding FROM voices WHERE content = ? AND revision = ? AND label IS NOT NULL",
        (content, revision),
    )
    return {label: (id_, embedding) for label, id_, embedding in found}


def _person_by_other_model(connection: sqlite3.Connection, voice: RecordedVoice, content: bytes) -> int | None:
    """Return the person of the same speaker of the same recording, by another model's embedding."""
    found = connection.execute(
        "SELECT person FROM voices WHERE content = ? AND label = ? AND NOT pending", (content, voice.label)
    ).fetchone()
    return found[0] if found else None


def _kept_id(voice: RecordedVoice, kept: dict[str, tuple[int, bytes]]) -> int | None:
    """Return the kept voice of the same speech, whatever its label was."""
    for id_, embedding in kept.values():
        if float(embedding_of(embedding) @ voice.voiceprint.embedding) >= _SAME_VOICE:
            return id_
    return None


class _People:
    """Embeddings of the voices of a revision, to compare one voice with all people."""

    def __init__(self, connection: sqlite3.Connection, revision: str) -> None:
        self._connection = connection
        self._scorer = scorer_of(connection, revision)
        rows = connection.execute(
            "SELECT v.id, v.person, p.name, v.embedding, v.speech_s, v.pending FROM voices v "
            "LEFT JOIN people p ON p.id = v.person WHERE v.revision = ?",
            (revision,),
        ).fetchall()
        self._person = {row[0]: (row[1], row[2], bool(row[5])) for row in rows}
        self._ids = np.asarray([row[0] for row in rows])
        self._people = np.asarray([-1 if row[1] is None or row[5] else row[1] for row in rows])
        self._embeddings = np.stack([embedding_of(row[3]) for row in rows]) if rows else np.zeros((0, 1), np.float32)
        self._seconds = np.asarray([row[4] for row in rows])

    def name_of(self, label: str, voice: int, people_before: set[int]) -> VoiceName:
        """Return the name of a voice, with its similarity to that person's other voices."""
        person, name, pending = self._person[voice]
        own = self._embeddings[self._ids == voice][0]
        means = {
            int(other): mean
            for other in np.unique(self._people[self._people >= 0])
            if (mean := self._mean((self._people == other) & (self._ids != voice))) is not None
        }
        cosines = {other: float(np.clip(mean @ own, -1.0, 1.0)) for other, mean in means.items()}
        if pending or person is None:
            candidates = candidates_of(self._connection, voice)
            similarity, runner_up = _best_two(None, [*cosines.values()])
            return VoiceName(label, UNKNOWN, similarity, runner_up, candidates=candidates)
        others = [cosine for other, cosine in cosines.items() if other != person]
        if person not in means:
            (nearest, _) = _best_two(None, others)
            return VoiceName(label, name, None, nearest, is_new=person not in people_before)
        similarity, runner_up = _best_two(cosines[person], others)
        score = float(self._scorer.scores(own[None], means[person][None])[0, 0])
        probability = self._scorer.false_name_probability(score, len(means))
        return VoiceName(label, name, similarity, runner_up, probability, is_new=person not in people_before)

    def _mean(self, chosen: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        if not chosen.any():
            return None
        total = self._seconds[chosen] @ self._embeddings[chosen].astype(np.float64)
        length = float(np.linalg.norm(total))
        return np.asarray(total / length, np.float32) if length > 0 else None


def _best_two(first: float | None, others: Sequence[float]) -> tuple[float | None, float | None]:
    """Return two cosines, rounded: the first one and the highest of the others, or the two highest."""
    ranked = [*([] if first is None else [first]), *sorted(others, reverse=True)]
    rounded: list[float | None] = [round(value, 4) for value in ranked[:2]]
    return (*rounded, None, None)[0], (*rounded, None, None)[1]
