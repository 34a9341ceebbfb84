"""Library of voices: one SQLite file with people, their voices, and what a person decided about them.

Voices are biometric data: no error, warning or log has an embedding, and only an export writes one.
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.calibration import calibration_json
from whisperx_worker.voices.library_file import database_errors, open_file, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds
    from whisperx_worker.voices.calibration import Calibration
    from whisperx_worker.voices.voiceprint import Voiceprint


@dataclass(frozen=True)
class PersonSummary:
    """Person of a library."""

    name: str
    since: str
    """When the person came into the library, in UTC."""
    voices: int
    recordings: int
    """How many recordings the voices are of, samples included."""
    speech_s: Seconds
    other_names: tuple[str, ...]
    models: tuple[str, ...]
    """Speaker models that the voices are embedded by."""


@dataclass(frozen=True)
class KeptVoice:
    """Voice of a library, without its embedding."""

    id: int
    title: str | None
    """Name of its recording or sample."""
    label: str | None
    """Speaker label in the recording."""
    start_s: Seconds | None
    """Where the speaker's longest turn begins."""
    speech_s: Seconds
    decision: str
    """Either "enrolled" or "learned"."""
    model: str
    has_sample: bool
    since: str


@dataclass(frozen=True)
class Pending:
    """Voice that a person has to decide about."""

    voice: KeptVoice
    candidates: tuple[tuple[str, float], ...]
    """The two best people with their scores, the best first."""


@dataclass(frozen=True)
class Correction:
    """Decision of a person about voices."""

    id: int
    kind: str
    at: str


@dataclass(frozen=True, eq=False)
class Library:
    """Open library of voices. Use it in a `with` statement."""

    path: Path
    connection: sqlite3.Connection = field(repr=False)

    def __enter__(self) -> Library:  # noqa: PYI034  Self is not in Python 3.10
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.connection.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Do all of a change or nothing of it, while no other process writes.

        Raises:
            WorkerError: With one sentence, where the file cannot be used.
        """
        with database_errors(self.path), transaction(self.connection):
            yield self.connection

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Read from one state of the library.

        Raises:
            WorkerError: With one sentence, where the file cannot be used.
        """
        with database_errors(self.path):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")


def open_library(path: Path, *, create: bool = False) -> Library:
    """Open a library of voices.

    Raises:
        BadInputError: It is not there, is no library, or is of another version.
        SettingsError: It cannot be opened, or others may read or change it.
    """
    return Library(path, open_file(path, create=create))


def people(library: Library) -> list[PersonSummary]:
    """Return the people who have voices or a name of their own, by name."""
    with library.look() as connection:
        found = connection.execute(
            "SELECT p.id, p.name, p.since, count(v.id), count(DISTINCT v.content), coalesce(sum(v.speech_s), 0) "
            "FROM people p LEFT JOIN voices v ON v.person = p.id AND NOT v.pending "
            "WHERE p.merged_by IS NULL GROUP BY p.id HAVING count(v.id) OR p.number IS NULL ORDER BY p.name"
        ).fetchall()
        return [
            PersonSummary(name, since, voices, contents, speech_s, *_names_and_models(connection, person))
            for person, name, since, voices, contents, speech_s in found
        ]


def _names_and_models(connection: sqlite3.Connection, person: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _aliases(connection, person), _models(connection, person)


def _aliases(connection: sqlite3.Connection, person: int) -> tuple[str, ...]:
    found = connection.execute(
        "WITH RECURSIVE one(id) AS (SELECT ?1 UNION SELECT p.id FROM people p JOIN one ON p.merged_into = one.id "
        "WHERE p.merged_by IS NOT NULL) SELECT name FROM aliases WHERE person IN one "
        "UNION SELECT name FROM people WHERE id IN one AND id <> ?1 ORDER BY 1",
        (person,),
    )
    return tuple(name for (name,) in found)


def _models(connection: sqlite3.Connection, person: int) -> tuple[str, ...]:
    found = connection.execute(
        "SELECT DISTINCT m.model FROM voices v JOIN models m USING (revision) WHERE v.person = ? ORDER BY 1", (person,)
    )
    return tuple(model for (model,) in found)


def find_person(connection: sqlite3.Connection, name: str) -> tuple[int, str]:
    """Return id and present name of a person by any name, also a merged one's.

    Raises:
        BadInputError: There is no such person; with the nearest name.
    """
    for query in (
        "SELECT id FROM people WHERE name = ?",
        "SELECT person FROM aliases WHERE name = ?",
    ):
        found = connection.execute(query, (name.strip(),)).fetchone()
        if found:
            person = merged_people(connection).get(found[0], found[0])
            (present,) = connection.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()
            return int(person), str(present)
    known = [one for (one,) in connection.execute("SELECT name FROM people UNION SELECT name FROM aliases")]
    by_small = {one.casefold(): one for one in known}
    nearest = difflib.get_close_matches(name.strip().casefold(), by_small, n=1)
    hint = f"; the nearest name is {by_small[nearest[0]]}" if nearest else ""
    raise BadInputError(f"the library has no {name.strip()!r}{hint}")


def merged_people(connection: sqlite3.Connection) -> dict[int, int]:
    """Return the person that each merged person is now."""
    into = dict(connection.execute("SELECT id, merged_into FROM people WHERE merged_by IS NOT NULL"))
    present = {}
    for person in into:
        other = person
        while other in into:
            other = into[other]
        present[person] = other
    return present


_VOICE_FIELDS = (
    "v.id, v.title, v.label, v.start_s, v.speech_s, v.decision, m.model, "
    "EXISTS (SELECT 1 FROM samples s WHERE s.voice = v.id), v.since"
)


def voices_of(connection: sqlite3.Connection, person: int) -> list[KeptVoice]:
    """Return a person's voices, the oldest first."""
    found = connection.execute(
        f"SELECT {_VOICE_FIELDS} FROM voices v JOIN models m USING (revision) "  # noqa: S608  constants
        "WHERE v.person = ? AND NOT v.pending ORDER BY v.id",
        (person,),
    )
    return [_kept_voice(row) for row in found]


def _kept_voice(row: Sequence[Any]) -> KeptVoice:
    voice, title, label, start_s, speech_s, decision, model, has_sample, since = row
    return KeptVoice(voice, title, label, start_s, speech_s, decision, model, bool(has_sample), since)


def pending_voices(library: Library) -> list[Pending]:
    """Return the voices that a person has to decide about, the oldest first."""
    with library.look() as connection:
        found = connection.execute(
            f"SELECT {_VOICE_FIELDS} FROM voices v JOIN models m USING (revision) "  # noqa: S608  constants
            "WHERE v.pending ORDER BY v.id"
        ).fetchall()
        return [Pending(_kept_voice(row), candidates_of(connection, row[0])) for row in found]


def candidates_of(connection: sqlite3.Connection, voice: int) -> tuple[tuple[str, float], ...]:
    """Return the people that an uncertain voice may be, with their scores, the best first."""
    found = connection.execute(
        "SELECT p.name, c.score FROM candidates c JOIN people p ON p.id = c.person WHERE c.voice = ? "
        "ORDER BY c.score DESC, p.id",
        (voice,),
    )
    return tuple((name, score) for name, score in found)


def corrections_of(connection: sqlite3.Connection, person: int) -> list[Correction]:
    """Return the decisions that concern a person's voices, the oldest first."""
    found = connection.execute(
        "SELECT DISTINCT d.id, d.kind, d.at FROM decisions d JOIN befores b ON b.decision = d.id "
        "JOIN voices v ON v.id = b.voice WHERE v.person = ?1 OR b.person = ?1 ORDER BY d.id",
        (person,),
    )
    return [Correction(*row) for row in found]


def remember_model(
    connection: sqlite3.Connection, model: str, revision: str, threshold: float, calibration: Calibration | None = None
) -> bool:
    """Keep how embeddings of a model's revision are compared; return whether that changed."""
    kept_calibration = None if calibration is None else calibration_json(calibration).encode()
    row = revision, model, threshold, kept_calibration
    kept = connection.execute("SELECT * FROM models WHERE revision = ?", (revision,)).fetchone()
    if kept == row:
        return False
    connection.execute(
        "INSERT INTO models VALUES (?, ?, ?, ?) ON CONFLICT (revision) DO UPDATE SET "
        "model = excluded.model, threshold = excluded.threshold, calibration = excluded.calibration",
        row,
    )
    return True


@dataclass(frozen=True, eq=False)
class NewVoice:
    """Voice to be kept."""

    voiceprint: Voiceprint = field(repr=False)
    decision: str
    content: bytes | None = None
    """Hash of the recording or sample."""
    title: str | None = None
    label: str | None = None
    start_s: Seconds | None = None
    pcm: bytes | None = field(default=None, repr=False)
    """Speech to embed again by another model: 16-bit little-endian samples at 16,000 Hz."""


def insert_voice(
    connection: sqlite3.Connection, new: NewVoice, anchor: int | None = None, person: int | None = None
) -> int:
    """Keep a voice, and return its id.

    Args:
        connection: In a transaction; the model is kept already.
        new: The voice.
        anchor: Person by whose name it was given.
        person: Person that it is perhaps of; grouping may find another one.
    """
    printed = new.voiceprint
    made = connection.execute(
        "INSERT INTO voices (person, anchor, decision, embedding, revision, speech_s, content, title, label, start_s, "
        "since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, datetime('now')) RETURNING id",
        (
            person if anchor is None else anchor, anchor, new.decision, printed.embedding.astype("<f4").tobytes(),
            printed.revision, printed.speech_s, new.content, new.title, new.label, new.start_s,
        ),
    )  # fmt: skip
    voice = int(made.fetchone()[0])
    if new.pcm is not None:
        connection.execute("INSERT INTO samples VALUES (?, ?)", (voice, new.pcm))
    return voice


def embedding_of(content: bytes) -> NDArray[np.float32]:
    """Return an embedding that the library keeps, shape (d,)."""
    return np.frombuffer(content, "<f4").astype(np.float32)
