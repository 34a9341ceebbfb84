"""File of a library of voices: closed, safe for several processes, without traces of the deleted.

A rollback journal and not a write-ahead log: its file is deleted at each commit, so that no deleted voiceprint stays
in a file beside the library. Deleted content is overwritten with zeros.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import BadInputError, SettingsError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x57585650
"""Mark in the file's head; "WXVP"."""
SCHEMA_VERSION = 1
MAX_WAIT_S = 120.0
"""How long to wait while other processes write."""

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE models (
    revision TEXT PRIMARY KEY, model TEXT NOT NULL, threshold REAL NOT NULL, calibration BLOB) WITHOUT ROWID;
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at TEXT NOT NULL,
    person INTEGER REFERENCES people ON DELETE CASCADE, old_name TEXT);
CREATE TABLE people (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, number INTEGER UNIQUE, since TEXT NOT NULL,
    made_by INTEGER REFERENCES decisions ON DELETE SET NULL,
    merged_by INTEGER REFERENCES decisions ON DELETE SET NULL,
    merged_into INTEGER REFERENCES people ON DELETE CASCADE);
CREATE TABLE aliases (
    name TEXT PRIMARY KEY, person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE voices (
    id INTEGER PRIMARY KEY, person INTEGER REFERENCES people ON DELETE SET NULL,
    anchor INTEGER REFERENCES people ON DELETE SET NULL, decision TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0,
    embedding BLOB NOT NULL, revision TEXT NOT NULL REFERENCES models, speech_s REAL NOT NULL,
    content BLOB, title TEXT, label TEXT, start_s REAL, since TEXT NOT NULL);
CREATE INDEX voices_of_person ON voices (person);
CREATE INDEX voices_of_content ON voices (content);
CREATE TABLE samples (voice INTEGER PRIMARY KEY REFERENCES voices ON DELETE CASCADE, pcm BLOB NOT NULL);
CREATE TABLE candidates (
    voice INTEGER NOT NULL REFERENCES voices ON DELETE CASCADE,
    person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    score REAL NOT NULL, PRIMARY KEY (voice, person)) WITHOUT ROWID;
CREATE TABLE befores (
    decision INTEGER NOT NULL REFERENCES decisions ON DELETE CASCADE,
    voice INTEGER NOT NULL REFERENCES voices ON DELETE CASCADE,
    person INTEGER REFERENCES people ON DELETE SET NULL, anchor INTEGER REFERENCES people ON DELETE SET NULL);
CREATE INDEX befores_of_decision ON befores (decision);
CREATE INDEX befores_of_voice ON befores (voice);
CREATE TABLE links (
    decision INTEGER NOT NULL REFERENCES decisions ON DELETE CASCADE, together INTEGER NOT NULL,
    first INTEGER NOT NULL REFERENCES voices ON DELETE CASCADE,
    second INTEGER NOT NULL REFERENCES voices ON DELETE CASCADE);
CREATE INDEX links_of_decision ON links (decision);
CREATE INDEX links_of_first ON links (first);
CREATE INDEX links_of_second ON links (second);
INSERT INTO facts VALUES ('next_number', 1), ('to_vacuum', 0);
"""


def default_path() -> Path:
    """Return the library's place in the user's data folder."""
    home = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(home) if Path(home).is_absolute() else Path("~/.local/share").expanduser()
    return folder / "whisperx-worker" / "voices.sqlite"


def open_file(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open a library, and make it first where it may be new.

    Raises:
        BadInputError: It is not there, is no library, or is of another version.
        SettingsError: It cannot be opened, or others may read or change it.
    """
    if create:
        _make(path)
    check_closed_to_others(path)
    try:
        connection = sqlite3.connect(path, timeout=MAX_WAIT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise SettingsError(f"the library of voices {path} cannot be opened: {error}") from None
    try:
        with database_errors(path):
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA temp_store = MEMORY")  # no copy of a voice in a folder of temporary files
            connection.execute("PRAGMA synchronous = EXTRA")
            _check_version(connection, path, create=create)
            _finish_vacuum(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def check_closed_to_others(path: Path) -> None:
    """Refuse what is no file of this user, or is open to others.

    Raises:
        BadInputError: There is no such file.
        SettingsError: It is no plain file, another user's, or others may read or change it.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise BadInputError(
            f"there is no library of voices at {path}; `whisperx-worker voices enrol` makes one"
        ) from None
    except OSError as error:
        raise SettingsError(f"the library of voices {path} cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(f"the library of voices {path} is no file")
    if found.st_uid != os.geteuid():
        raise SettingsError(f"the library of voices {path} belongs to another user")
    if found.st_mode & 0o077:
        raise SettingsError(
            f"the library of voices {path} is open to others (mode {stat.S_IMODE(found.st_mode):03o}); "
            "`chmod 600` closes it"
        )
    if not os.access(path, os.R_OK | os.W_OK):
        raise SettingsError(f"the library of voices {path} cannot be read and written")


def _make(path: Path) -> None:
    """Make an empty file that only its owner may read, where there is none."""
    try:
        if path == default_path():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError(f"the library of voices {path} cannot be made: {error.strerror}") from None


def _check_version(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID and version == SCHEMA_VERSION:
        return
    if application == APPLICATION_ID:
        raise BadInputError(
            f"the library of voices {path} has version {version}, and this program reads version {SCHEMA_VERSION}"
        )
    with transaction(connection):
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application == APPLICATION_ID:  # another process has made it in the meantime
            return
        if tables or not create:
            raise BadInputError(f"{path} is no library of voices")
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of what runs inside or nothing of it, while no other process writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        if connection.in_transaction:  # it may have been rolled back: a trial
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def vacuum(connection: sqlite3.Connection) -> None:
    """Rebuild the file, so that no page keeps an old copy of what was deleted.

    Deleting sets `to_vacuum` in its transaction: a process that is killed in between leaves it to the next one.
    """
    connection.execute("VACUUM")
    connection.execute("UPDATE facts SET value = 0 WHERE name = 'to_vacuum'")


def _finish_vacuum(connection: sqlite3.Connection) -> None:
    (left,) = connection.execute("SELECT value FROM facts WHERE name = 'to_vacuum'").fetchone()
    if left:
        vacuum(connection)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite raises as one sentence.

    Raises:
        WorkerError: With the library's path; never with its content.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # Python 3.10 has no codes
        text = str(error)
        if code == 26 or "not a database" in text:  # noqa: PLR2004  SQLITE_NOTADB
            raise BadInputError(f"{path} is no library of voices") from None
        if "locked" in text:
            raise WorkerError(
                f"the library of voices {path} is in use by another process for more than {MAX_WAIT_S:.0f} s"
            ) from None
        if "malformed" in text:
            raise BadInputError(f"the library of voices {path} is damaged; take a copy or an export of it") from None
        if "readonly" in text:
            raise SettingsError(f"the library of voices {path} cannot be written") from None
        if "full" in text:
            raise WorkerError(f"there is no room to write the library of voices {path}") from None
        raise WorkerError(f"the library of voices {path} cannot be used ({text})") from None
