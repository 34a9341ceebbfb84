"""Enrolment of people in a library by voiceprints of their samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.library import NewVoice, find_person, insert_voice, remember_model
from whisperx_worker.voices.person_names import checked_name, is_label
from whisperx_worker.voices.regrouping import insert_person, regroup

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from whisperx_worker.voices.calibration import Calibration
    from whisperx_worker.voices.library import Library


def enrol_voices(
    library: Library, name: str, voices: Sequence[NewVoice], threshold: float, calibration: Calibration | None = None
) -> tuple[int, list[str]]:
    """Keep voices as those of a person, who may be new.

    A sample that the person has already is not kept again.

    Args:
        library: Where to keep them.
        name: The person's name, or the label of a person without a name.
        voices: All by one revision of a speaker model, with the hashes of their samples.
        threshold: Cosine of the model below which two voices are two people.
        calibration: The model's calibration, if it has one.

    Returns:
        How many were kept, and a sentence for each person whose voices went to another.

    Raises:
        BadInputError: The name is none, or a sample is enrolled as another person's.
    """
    model, revision = voices[0].voiceprint.model, voices[0].voiceprint.revision
    with library.change() as connection:
        remember_model(connection, model, revision, threshold, calibration)
        person = _person(connection, name)
        new = [voice for voice in voices if not _is_kept(connection, voice, person)]
        for voice in new:
            insert_voice(connection, voice, person)
        return len(new), regroup(connection, revision) if new else []


def _person(connection: sqlite3.Connection, name: str) -> int:
    """Return the person of a name or label; one with a new name is made."""
    if is_label(name.strip()):
        return find_person(connection, name)[0]
    cleaned = checked_name(name)
    found = connection.execute(
        "SELECT id FROM people WHERE name = ?1 UNION ALL SELECT person FROM aliases WHERE name = ?1", (cleaned,)
    ).fetchone()
    return int(found[0]) if found else insert_person(connection, cleaned)


def _is_kept(connection: sqlite3.Connection, voice: NewVoice, person: int) -> bool:
    """Return whether the person has this sample.

    Raises:
        BadInputError: Another one has it.
    """
    kept = connection.execute(
        "SELECT v.person, p.name FROM voices v JOIN people p ON p.id = v.person "
        "WHERE v.content = ? AND v.revision = ? AND v.label IS NULL",
        (voice.content, voice.voiceprint.revision),
    ).fetchone()
    if kept is None:
        return False
    if kept[0] != person:
        raise BadInputError(f"{voice.title} is a sample of {kept[1]} already")
    return True
