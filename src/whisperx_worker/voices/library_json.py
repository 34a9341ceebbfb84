"""A library of voices as JSON, with voiceprints: what an export has and an import takes.

`{"voices": 1, "models": [{"model", "revision", "threshold", "calibration"}], "people": [{"name", "other_names",
"voices": [{"voiceprint", "title", "label", "content"}]}]}`. A calibration is that of `calibration_json`, or null.
People without a name come in under new labels, or as those whom the library takes their voices for.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import BadInputError
from whisperx_worker.voices.calibration import parse_calibration
from whisperx_worker.voices.library import NewVoice, embedding_of, insert_voice, people, remember_model
from whisperx_worker.voices.person_names import checked_name, is_label
from whisperx_worker.voices.regrouping import insert_person, regroup
from whisperx_worker.voices.voiceprint import Voiceprint, read_voiceprint, write_voiceprint

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from whisperx_worker.voices.calibration import Calibration
    from whisperx_worker.voices.library import Library

FORMAT = 1
_HASH_BYTES = 32


def export_json(library: Library) -> str:
    """Return all certain voices of a library as JSON, voiceprints included."""
    summaries = people(library)
    with library.look() as connection:
        models = connection.execute(
            "SELECT model, revision, threshold, calibration FROM models ORDER BY revision"
        ).fetchall()
        exported = {
            "voices": FORMAT,
            "models": [
                {
                    "model": model,
                    "revision": revision,
                    "threshold": threshold,
                    "calibration": None if calibration is None else json.loads(calibration),
                }
                for model, revision, threshold, calibration in models
            ],
            "people": [
                {"name": one.name, "other_names": one.other_names, "voices": list(_voices(connection, one.name))}
                for one in summaries
            ],
        }
    return json.dumps(exported, ensure_ascii=False, indent=1) + "\n"


def _voices(connection: sqlite3.Connection, name: str) -> Iterator[dict[str, Any]]:
    found = connection.execute(
        "SELECT v.embedding, m.model, v.revision, v.speech_s, v.title, v.label, v.content FROM voices v "
        "JOIN models m USING (revision) JOIN people p ON p.id = v.person WHERE p.name = ? AND NOT v.pending "
        "ORDER BY v.id",
        (name,),
    )
    for embedding, model, revision, speech_s, title, label, content in found:
        voiceprint = Voiceprint(embedding_of(embedding), model, revision, speech_s)
        yield {
            "voiceprint": write_voiceprint(voiceprint),
            "title": title,
            "label": label,
            "content": content.hex() if content else None,
        }


def import_json(library: Library, text: str) -> tuple[Counter[str], list[str]]:
    """Take the voices of an export into a library; all of them or, where one is wrong, none.

    Returns:
        How many voices were taken, by name, and a sentence for each person whose voices went to another.

    Raises:
        BadInputError: It is no export, or something in it is wrong; the sentence says where.
    """
    exported = _parsed(text)
    taken: Counter[str] = Counter()
    with library.change() as connection:
        models = dict(_models(exported))
        revisions = set()
        for place, person in enumerate(_list(exported, "people", "the file"), 1):
            name, voices = _person(person, f"person {place}")
            target = None if is_label(name) else _target(connection, name)
            for voice in voices:
                printed = voice.voiceprint
                if printed.revision not in models:
                    raise BadInputError(f"{name} has a voiceprint of {printed.model}, which `models` does not name")
                calibration = models[printed.revision][1]
                if calibration is not None and calibration.cohort.shape[1] != len(printed.embedding):
                    raise BadInputError(
                        f"the calibration of {printed.model} has another dimension than a voice of {name}"
                    )
                if _has(connection, voice):
                    continue
                if printed.revision not in revisions and not _knows(connection, printed.revision):
                    remember_model(connection, printed.model, printed.revision, *models[printed.revision])
                revisions.add(printed.revision)
                insert_voice(connection, voice, target)
                taken[name] += 1
        changes = [sentence for revision in sorted(revisions) for sentence in regroup(connection, revision)]
    return taken, changes


def _parsed(text: str) -> dict[str, Any]:
    try:
        exported = json.loads(text)
    except ValueError:
        raise BadInputError("it is no JSON") from None
    if not (isinstance(exported, dict) and "voices" in exported):
        raise BadInputError("it is no export of a library of voices")
    if exported["voices"] != FORMAT:
        raise BadInputError(f"it is an export of version {exported['voices']!r}, and this program reads {FORMAT}")
    return exported


def _list(value: dict[str, Any], key: str, place: str) -> list[Any]:
    found = value.get(key, [])
    if not isinstance(found, list):
        raise BadInputError(f"`{key}` of {place} is no list")
    return found


def _models(exported: dict[str, Any]) -> Iterator[tuple[str, tuple[float, Calibration | None]]]:
    for place, model in enumerate(_list(exported, "models", "the file"), 1):
        if not (isinstance(model, dict) and isinstance(model.get("revision"), str)):
            raise BadInputError(f"model {place} has no revision")
        threshold = model.get("threshold")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
            raise BadInputError(f"model {place} has no threshold that is a number")
        yield model["revision"], (float(threshold), _calibration(model, f"the calibration of model {place}"))


def _calibration(model: dict[str, Any], place: str) -> Calibration | None:
    if model.get("calibration") is None:
        return None
    calibration = parse_calibration(json.dumps(model["calibration"]), place)
    if calibration.revision != model["revision"]:
        raise BadInputError(f"{place} is of another revision")
    return calibration


def _person(person: object, place: str) -> tuple[str, list[NewVoice]]:
    if not (isinstance(person, dict) and isinstance(person.get("name"), str)):
        raise BadInputError(f"{place} has no name")
    name = person["name"] if is_label(person["name"]) else checked_name(person["name"])
    voices = _list(person, "voices", name)
    return name, [_voice(voice, f"voice {number} of {name}") for number, voice in enumerate(voices, 1)]


def _voice(voice: object, place: str) -> NewVoice:
    if not (isinstance(voice, dict) and isinstance(voice.get("voiceprint"), str)):
        raise BadInputError(f"{place} has no voiceprint")
    texts = {key: voice.get(key) for key in ("title", "label", "content")}
    for key, text in texts.items():
        if not isinstance(text, str | None):
            raise BadInputError(f"`{key}` of {place} is no text")
    try:
        voiceprint = read_voiceprint(voice["voiceprint"])
    except BadInputError as error:
        raise BadInputError(f"the voiceprint of {place} {error}") from None
    try:
        content = bytes.fromhex(texts["content"] or "")
    except ValueError:
        content = b"?"
    if len(content) not in {0, _HASH_BYTES}:
        raise BadInputError(f"`content` of {place} is no hash")
    return NewVoice(voiceprint, "imported", content or None, texts["title"], texts["label"])


def _target(connection: sqlite3.Connection, name: str) -> int:
    found = connection.execute(
        "SELECT id FROM people WHERE name = ?1 UNION ALL SELECT person FROM aliases WHERE name = ?1", (name,)
    ).fetchone()
    return int(found[0]) if found else insert_person(connection, name)


def _knows(connection: sqlite3.Connection, revision: str) -> bool:
    return connection.execute("SELECT 1 FROM models WHERE revision = ?", (revision,)).fetchone() is not None


def _has(connection: sqlite3.Connection, voice: NewVoice) -> bool:
    vector = voice.voiceprint.embedding.astype("<f4").tobytes()
    found = connection.execute(
        "SELECT 1 FROM voices WHERE embedding = ? AND revision = ?", (vector, voice.voiceprint.revision)
    )
    return found.fetchone() is not None
