"""Corrections of a library by a person: names, joined and divided people, uncertain voices, and forgetting.

A decision is a set of links between voices, which hold in every later grouping; to undo it is to delete them.
"""

from __future__ import annotations

import itertools
import sqlite3
from typing import TYPE_CHECKING

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.library import find_person, merged_people
from whisperx_worker.voices.library_file import database_errors, vacuum
from whisperx_worker.voices.person_names import checked_name, is_label
from whisperx_worker.voices.regrouping import insert_person, regroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.voices.library import Library


def rename_person(library: Library, name: str, new_name: str) -> list[str]:
    """Give a person another name; the label of a person without a name stays as another name.

    Raises:
        BadInputError: There is no such person, or the new name is none or another person's.
    """
    cleaned = checked_name(new_name)
    with library.change() as connection:
        person, old_name = find_person(connection, name)
        if cleaned == old_name:
            raise BadInputError(f"{old_name} has this name already")
        taken = connection.execute("SELECT id FROM people WHERE name = ?", (cleaned,)).fetchone()
        if taken:
            raise BadInputError(
                f"{cleaned} is another person's name; `voices merge` makes one person of two, and "
                "`voices enrol` adds samples to one"
            )
        other = connection.execute("SELECT person FROM aliases WHERE name = ?", (cleaned,)).fetchone()
        if other and other[0] != person:
            raise BadInputError(f"{cleaned} is another name of another person")
        connection.execute("DELETE FROM aliases WHERE name = ?", (cleaned,))
        _decide(connection, "rename", _voices(connection, person), person, old_name)
        (number,) = connection.execute("SELECT number FROM people WHERE id = ?", (person,)).fetchone()
        connection.execute("UPDATE people SET name = ?, number = NULL WHERE id = ?", (cleaned, person))
        if number is not None:
            connection.execute("INSERT INTO aliases VALUES (?, ?)", (old_name, person))
            # A name is a decision about the voices that have it.
            connection.execute("UPDATE voices SET anchor = person WHERE person = ? AND NOT pending", (person,))
        return _regroup_all(connection, _revisions(connection, person))


def merge_people(library: Library, kept: str, other: str) -> list[str]:
    """Make one person of two; the name of the second becomes another name of the first.

    Raises:
        BadInputError: There is no such person, both are one, or one has no voices.
    """
    with library.change() as connection:
        first, kept_name = find_person(connection, kept)
        second, other_name = find_person(connection, other)
        if first == second:
            raise BadInputError(f"{kept.strip()} and {other.strip()} are one person already")
        ours, theirs = _voices(connection, first), _voices(connection, second)
        if not (ours and theirs):
            raise BadInputError(f"{other_name if ours else kept_name} has no voices")
        revisions = _revisions(connection, first) | _revisions(connection, second)
        decision = _decide(connection, "merge", [*ours, *theirs])
        _link(connection, decision, ((ours[0], voice) for voice in [*ours[1:], *theirs]), together=True)
        connection.execute("UPDATE people SET merged_by = ?, merged_into = ? WHERE id = ?", (decision, first, second))
        return _regroup_all(connection, revisions)


def split_voices(library: Library, name: str, voices: Sequence[int], new_name: str | None = None) -> str:
    """Take voices out of a person; together they are another one. Return that one's name.

    Raises:
        BadInputError: There is no such person, a voice is not one of theirs, or none would be left.
    """
    with library.change() as connection:
        person, found_name = find_person(connection, name)
        own = _voices(connection, person)
        strange = [str(voice) for voice in voices if voice not in own]
        if strange:
            raise BadInputError(
                f"{found_name} has no voice {', '.join(strange)}; `voices show` lists {found_name}'s with their numbers"
            )
        taken = list(dict.fromkeys(voices))
        left = [voice for voice in own if voice not in taken]
        if not left:
            raise BadInputError(f"these are all voices of {found_name}; `voices rename` gives another name to all")
        decision = _decide(connection, "split", own)
        marks = ",".join("?" * len(taken))
        other = (
            None if new_name is None else insert_person(connection, _free_name(connection, new_name), made_by=decision)
        )
        connection.execute(f"UPDATE voices SET anchor = ?, person = ? WHERE id IN ({marks})", (other, other, *taken))  # noqa: S608
        _link(connection, decision, ((taken[0], voice) for voice in taken[1:]), together=True)
        _link(connection, decision, itertools.product(taken, left), together=False)
        _regroup_all(connection, _revisions_of_voices(connection, taken))
        (now,) = connection.execute(
            "SELECT p.name FROM voices v JOIN people p ON p.id = v.person WHERE v.id = ?", (taken[0],)
        ).fetchone()
        return str(now)


def undo_decision(library: Library, number: int) -> tuple[str, list[str]]:
    """Undo a decision; return its kind and what that changes.

    Raises:
        BadInputError: There is no such decision.
    """
    with library.change() as connection:
        found = connection.execute("SELECT kind, person, old_name FROM decisions WHERE id = ?", (number,)).fetchone()
        if found is None:
            raise BadInputError(f"the library has no decision {number}; `voices show NAME` lists those about a person")
        kind, person, old_name = found
        befores = connection.execute(
            "SELECT voice, person, anchor FROM befores WHERE decision = ?", (number,)
        ).fetchall()
        made = connection.execute("SELECT id FROM people WHERE made_by = ? AND number IS NULL", (number,)).fetchall()
        if old_name is not None:
            _name_back(connection, person, old_name)
        connection.executemany(
            "UPDATE voices SET person = ?, anchor = ? WHERE id = ?",
            [(before, anchor, voice) for voice, before, anchor in befores],
        )
        connection.executemany("DELETE FROM people WHERE id = ?", made)
        connection.execute("UPDATE people SET merged_into = NULL WHERE merged_by = ?", (number,))
        connection.execute("DELETE FROM decisions WHERE id = ?", (number,))
        revisions = _revisions_of_voices(connection, [voice for voice, _, _ in befores])
        return str(kind), _regroup_all(connection, revisions)


def _name_back(connection: sqlite3.Connection, person: int, name: str) -> None:
    """Give a person an earlier name again.

    Raises:
        BadInputError: Another one has it now.
    """
    connection.execute("DELETE FROM aliases WHERE name = ? AND person = ?", (name, person))
    number = int(name.rpartition("_")[2]) if is_label(name) else None
    try:
        connection.execute("UPDATE people SET name = ?, number = ? WHERE id = ?", (name, number, person))
    except sqlite3.IntegrityError:
        raise BadInputError(f"{name} is another person's name now; rename that one first") from None


def decide_voice(library: Library, voice: int, name: str | None) -> str:
    """Decide an uncertain voice as a person's, or with None as a new one's; return the name.

    Raises:
        BadInputError: The voice is not there or not uncertain, or there is no such person.
    """
    with library.change() as connection:
        found = connection.execute("SELECT pending, revision FROM voices WHERE id = ?", (voice,)).fetchone()
        if found is None or not found[0]:
            raise BadInputError(f"there is no uncertain voice {voice}; `voices pending` lists them with their numbers")
        decision = _decide(connection, "decide", [voice])
        if name is None:
            candidates = connection.execute("SELECT person FROM candidates WHERE voice = ?", (voice,)).fetchall()
            others = [other for (person,) in candidates for other in _voices(connection, person)]
            _link(connection, decision, ((voice, other) for other in others), together=False)
            connection.execute("UPDATE voices SET person = NULL WHERE id = ?", (voice,))
        else:
            person, _ = find_person(connection, name)
            _link(connection, decision, ((voice, other) for other in _voices(connection, person)), together=True)
        _regroup_all(connection, {found[1]})
        now = connection.execute(
            "SELECT p.name FROM voices v JOIN people p ON p.id = v.person WHERE v.id = ? AND NOT v.pending", (voice,)
        ).fetchone()
        if now is None:
            raise BadInputError(f"the decision about the voice {voice} is against an earlier one; undo that one first")
        return str(now[0])


def forget_person(library: Library, name: str) -> tuple[int, int]:
    """Delete a person with every voice, sample and name, and the nearest uncertain voices.

    No byte of them stays in the file: deleted content is overwritten, and the file rebuilt.

    Returns:
        How many voices, and how many uncertain ones, were deleted.

    Raises:
        BadInputError: There is no such person.
    """
    with library.change() as connection:
        person, _ = find_person(connection, name)
        merged = [one for one, now in merged_people(connection).items() if now == person]
        own = [
            row
            for one in [person, *merged]
            for row in connection.execute("SELECT id FROM voices WHERE person = ?1 OR anchor = ?1", (one,))
        ]
        nearest = connection.execute(
            "SELECT c.voice FROM candidates c WHERE c.person = ? AND c.score = "
            "(SELECT max(score) FROM candidates o WHERE o.voice = c.voice)",
            (person,),
        ).fetchall()
        revisions = _revisions_of_voices(connection, [voice for (voice,) in [*own, *nearest]])
        doubtful = set(nearest) - set(own)
        connection.executemany("DELETE FROM voices WHERE id = ?", [*own, *doubtful])
        connection.execute("DELETE FROM people WHERE id = ?", (person,))
        connection.execute("DELETE FROM decisions WHERE id NOT IN (SELECT decision FROM befores)")
        _regroup_all(connection, revisions)
        connection.execute("UPDATE facts SET value = 1 WHERE name = 'to_vacuum'")
    with database_errors(library.path):
        vacuum(library.connection)
    return len(set(own)), len(doubtful)


def _free_name(connection: sqlite3.Connection, name: str) -> str:
    cleaned = checked_name(name)
    taken = connection.execute(
        "SELECT 1 FROM people WHERE name = ?1 UNION ALL SELECT 1 FROM aliases WHERE name = ?1", (cleaned,)
    ).fetchone()
    if taken:
        raise BadInputError(f"{cleaned} is in the library already; `voices merge` makes one person of two")
    return cleaned


def _voices(connection: sqlite3.Connection, person: int) -> list[int]:
    found = connection.execute("SELECT id FROM voices WHERE person = ? AND NOT pending ORDER BY id", (person,))
    return [voice for (voice,) in found]


def _revisions(connection: sqlite3.Connection, person: int) -> set[str]:
    found = connection.execute("SELECT DISTINCT revision FROM voices WHERE person = ?1 OR anchor = ?1", (person,))
    return {revision for (revision,) in found}


def _revisions_of_voices(connection: sqlite3.Connection, voices: Iterable[int]) -> set[str]:
    return {
        revision
        for voice in voices
        for (revision,) in connection.execute("SELECT revision FROM voices WHERE id = ?", (voice,))
    }


def _regroup_all(connection: sqlite3.Connection, revisions: Iterable[str]) -> list[str]:
    return [sentence for revision in sorted(revisions) for sentence in regroup(connection, revision)]


def _decide(
    connection: sqlite3.Connection,
    kind: str,
    voices: Iterable[int],
    person: int | None = None,
    old_name: str | None = None,
) -> int:
    """Keep a decision, with what it may change of voices and of a name, and return its number."""
    made = connection.execute(
        "INSERT INTO decisions (kind, at, person, old_name) VALUES (?, datetime('now'), ?, ?) RETURNING id",
        (kind, person, old_name),
    )
    decision = int(made.fetchone()[0])
    connection.executemany(
        "INSERT INTO befores SELECT ?, id, person, anchor FROM voices WHERE id = ?",
        [(decision, voice) for voice in voices],
    )
    return decision


def _link(connection: sqlite3.Connection, decision: int, pairs: Iterable[tuple[int, int]], *, together: bool) -> None:
    connection.executemany(
        "INSERT INTO links VALUES (?, ?, ?, ?)", [(decision, together, first, second) for first, second in pairs]
    )
