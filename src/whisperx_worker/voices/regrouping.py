"""Groups of a library's voices, with the person of each: made anew from all voices after every change.

A group keeps the label that most of its voices had. Where groups are joined, the lower number stays and the other
label becomes another name of it; where one is divided, the larger part keeps the label.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.voices.calibration import parse_calibration
from whisperx_worker.voices.grouping import GroupedVoice, Link, group_voices
from whisperx_worker.voices.library import merged_people
from whisperx_worker.voices.person_names import person_label
from whisperx_worker.voices.scoring import CalibratedScorer, CosineScorer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from whisperx_worker.voices.grouping import Grouping
    from whisperx_worker.voices.scoring import Scorer


@dataclass(frozen=True)
class _Row:
    """Voice of the library with what grouping must know."""

    id: int
    person: int | None
    written_person: int | None
    """Before people were merged."""
    pending: bool
    voice: GroupedVoice


def scorer_of(connection: sqlite3.Connection, revision: str) -> Scorer:
    """Return the scorer that the library keeps for a speaker model's revision."""
    threshold, calibration = connection.execute(
        "SELECT threshold, calibration FROM models WHERE revision = ?", (revision,)
    ).fetchone()
    if calibration is None:
        return CosineScorer(threshold)
    return CalibratedScorer(parse_calibration(calibration.decode(), "what the library keeps of its speaker model"))


def regroup(connection: sqlite3.Connection, revision: str) -> list[str]:
    """Group the voices of a model's revision anew, in the running transaction.

    Returns:
        A sentence for each person whose voices went to another.
    """
    rows = _rows(connection, revision)
    grouping = group_voices([row.voice for row in rows], _links(connection, rows), scorer_of(connection, revision))
    people = _people_of_groups(connection, rows, grouping)
    changes: Counter[tuple[int, int]] = Counter()
    for at, row in enumerate(rows):
        pending = at in grouping.doubts
        person = row.person if pending else people[int(grouping.groups[at])]
        if row.person is not None and person is not None and row.person != person:
            changes[row.person, person] += 1
        if (row.written_person, row.pending) != (person, pending):
            connection.execute("UPDATE voices SET person = ?, pending = ? WHERE id = ?", (person, pending, row.id))
    _write_candidates(connection, rows, grouping, people)
    names = dict(connection.execute("SELECT id, name FROM people"))
    sentences = [
        f"{names[old]} is {names[new]} now"
        if _is_empty(connection, old)
        else f"{count} {'voice' if count == 1 else 'voices'} of {names[old]} are {names[new]} now"
        for (old, new), count in sorted(changes.items())
    ]
    _drop_empty_people(connection, changes)
    return sentences


def _rows(connection: sqlite3.Connection, revision: str) -> list[_Row]:
    found = connection.execute(
        "SELECT id, person, pending, embedding, speech_s, content, label, anchor FROM voices "
        "WHERE revision = ? ORDER BY id",
        (revision,),
    )
    now = merged_people(connection)
    return [
        _Row(
            voice,
            now.get(person, person),
            person,
            bool(pending),
            GroupedVoice(np.frombuffer(embedding, "<f4"), speech_s, content, label, now.get(anchor, anchor)),
        )
        for voice, person, pending, embedding, speech_s, content, label, anchor in found
    ]


def _links(connection: sqlite3.Connection, rows: Sequence[_Row]) -> list[Link]:
    place = {row.id: at for at, row in enumerate(rows)}
    found = connection.execute("SELECT together, first, second FROM links ORDER BY decision, rowid")
    return [
        Link(bool(together), place[first], place[second])
        for together, first, second in found
        if first in place and second in place
    ]


def _people_of_groups(
    connection: sqlite3.Connection, rows: Sequence[_Row], grouping: Grouping
) -> dict[int, int | None]:
    """Return the person of each group, new ones included; None where no voice is certain."""
    anchors: dict[int, Counter[int]] = defaultdict(Counter)
    kept: dict[int, Counter[int]] = defaultdict(Counter)
    first: dict[int, int] = {}
    for at, row in enumerate(rows):
        group = int(grouping.groups[at])
        if at in grouping.doubts:
            continue
        first.setdefault(group, row.id)
        speech_ms = round(1000 * row.voice.speech_s)
        if row.voice.anchor is not None:
            anchors[row.voice.anchor][group] += speech_ms
        elif row.person is not None:
            kept[row.person][group] += speech_ms
    people: dict[int, int | None] = dict.fromkeys(grouping.groups.tolist())
    by_number = dict(connection.execute("SELECT id, coalesce(number, 0) FROM people"))
    claims = [*sorted(anchors), *sorted(kept.keys() - anchors.keys(), key=lambda person: (by_number[person], person))]
    for person in claims:
        of_groups = anchors.get(person) or kept[person]
        free = [group for group in of_groups if people[group] is None]
        if free:
            people[max(free, key=lambda group: (of_groups[group], -first[group]))] = person
    for group in sorted(first, key=lambda group: first[group]):
        if people[group] is None:
            people[group] = _new_person(connection)
    return people


def _new_person(connection: sqlite3.Connection) -> int:
    """Make a person without a name, under the next number; no number is given twice."""
    (number,) = connection.execute("SELECT value FROM facts WHERE name = 'next_number'").fetchone()
    connection.execute("UPDATE facts SET value = value + 1 WHERE name = 'next_number'")
    return insert_person(connection, person_label(number), number)


def insert_person(
    connection: sqlite3.Connection, name: str, number: int | None = None, made_by: int | None = None
) -> int:
    """Make a person, perhaps by a decision, and return the id."""
    made = connection.execute(
        "INSERT INTO people (name, number, since, made_by) VALUES (?, ?, datetime('now'), ?) RETURNING id",
        (name, number, made_by),
    )
    return int(made.fetchone()[0])


def _write_candidates(
    connection: sqlite3.Connection, rows: Sequence[_Row], grouping: Grouping, people: Mapping[int, int | None]
) -> None:
    connection.executemany("DELETE FROM candidates WHERE voice = ?", [(row.id,) for row in rows])
    connection.executemany(
        "INSERT OR IGNORE INTO candidates VALUES (?, ?, ?)",
        [
            (rows[at].id, people[group], score)
            for at, doubt in grouping.doubts.items()
            for group, score in doubt.candidates
            if people[group] is not None
        ],
    )


def _is_empty(connection: sqlite3.Connection, person: int) -> bool:
    """Return whether nothing is left of a person, not even what an undone decision would give back."""
    found = connection.execute(
        "SELECT 1 FROM voices WHERE person = ?1 OR anchor = ?1 UNION ALL SELECT 1 FROM befores WHERE person = ?1 "
        "UNION ALL SELECT 1 FROM people WHERE id = ?1 AND merged_by IS NOT NULL",
        (person,),
    )
    return found.fetchone() is None


def _drop_empty_people(connection: sqlite3.Connection, changes: Mapping[tuple[int, int], int]) -> None:
    """Delete people without a name and without voices; their labels become other names of who has the voices."""
    successor = {old: new for (old, new), _ in sorted(changes.items(), key=lambda change: change[1])}
    labelled = connection.execute("SELECT id, name FROM people WHERE number IS NOT NULL ORDER BY id DESC").fetchall()
    for person, name in labelled:
        if not _is_empty(connection, person):
            continue
        heir = successor.get(person)
        if heir is not None:
            connection.execute("UPDATE aliases SET person = ? WHERE person = ?", (heir, person))
            connection.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", (name, heir))
        connection.execute("DELETE FROM people WHERE id = ?", (person,))
