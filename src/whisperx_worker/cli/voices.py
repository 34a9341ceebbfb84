"""Commands `voices`: a library of people's voices, which `transcribe --voices` names speakers from."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whisperx_worker.cli.printing import print_json, print_table
from whisperx_worker.errors import BadInputError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.voices.library import KeptVoice, Library

app = typer.Typer(no_args_is_help=True, help="Keep people's voices in a library, to name speakers from.")

Place = Annotated[
    Path | None, typer.Option("--library", metavar="FILE", help="The library; else WHISPERX_WORKER_VOICES.")
]
Name = Annotated[str, typer.Argument(help="A person's name, another name of theirs, or a label such as person_0007.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def enrol(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    files: Annotated[list[Path], typer.Argument(help="Recordings of this voice alone, at least 1 s of speech each.")],
    place: Place = None,
    model: Annotated[str | None, typer.Option("--speaker-model", help="Name or folder of the speaker model.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep-samples", help="Keep the speech too, so that `re-embed` can use it.")
    ] = False,
    download: Annotated[bool, typer.Option("--download", help="The model may come from the Hugging Face hub.")] = False,
) -> None:
    """Add a person, or samples to one. Nothing is added where a file cannot be used."""
    from whisperx_worker.audio import decode_server
    from whisperx_worker.pipeline.voice_samples import embed_files
    from whisperx_worker.pipeline.worker import open_worker
    from whisperx_worker.voices.enrolling import enrol_voices
    from whisperx_worker.voices.library import find_person
    from whisperx_worker.voices.person_names import checked_name, is_label

    is_old = is_label(name.strip())
    if not is_old:
        checked_name(name)
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise BadInputError(f"{', '.join(missing)}: no such file")
    settings = _settings(model, download=download)
    with _library(place, settings, create=True) as library:
        if is_old:
            with library.look() as connection:
                find_person(connection, name)
        decode_server.start()
        found = embed_files(open_worker(settings), files, keep_samples=keep)
        if found.problems:
            raise BadInputError(f"{'; '.join(found.problems)}; nothing is added")
        added, changes = enrol_voices(library, name, found.voices, found.threshold, found.calibration)
    _note(changes)
    had = len(found.voices) - added
    typer.echo(f"{name.strip()}: {_count(added, 'voice')} added" + (f", {had} had already" if had else ""))


@app.command("list")
def list_people(place: Place = None, as_json: AsJson = False) -> None:
    """List the people."""
    from whisperx_worker.voices.library import people

    with _library(place) as library:
        found = people(library)
    if as_json:
        print_json([dataclasses.asdict(person) for person in found])
        return
    rows = [
        (
            one.name,
            str(one.voices),
            str(one.recordings),
            f"{one.speech_s:.0f}",
            one.since[:10],
            _joined(one.other_names),
        )
        for one in found
    ]
    print_table(("person", "voices", "recordings", "speech, s", "since", "other names"), rows)


@app.command()
def show(name: Name, place: Place = None, as_json: AsJson = False) -> None:
    """Show a person's voices with their numbers, and the decisions about them."""
    from whisperx_worker.voices.library import corrections_of, find_person, people, voices_of

    with _library(place) as library:
        with library.look() as connection:
            person, found_name = find_person(connection, name)
            voices, decisions = voices_of(connection, person), corrections_of(connection, person)
        summary = next(one for one in people(library) if one.name == found_name)
    if as_json:
        shown = dataclasses.asdict(summary)
        shown["voices"] = [dataclasses.asdict(voice) for voice in voices]
        shown["decisions"] = [dataclasses.asdict(decision) for decision in decisions]
        print_json(shown)
        return
    other = f" ({', '.join(summary.other_names)})" if summary.other_names else ""
    typer.echo(f"{found_name}{other}, since {summary.since} UTC")
    _print_voices(voices)
    if decisions:
        typer.echo("")
        print_table(("decision", "kind", "at"), [(str(one.id), one.kind, one.at) for one in decisions])


@app.command()
def rename(
    name: Name, new_name: Annotated[str, typer.Argument(help="Not another person's.")], place: Place = None
) -> None:
    """Give a person another name; a label stays as another name."""
    from whisperx_worker.voices.corrections import rename_person

    with _library(place) as library:
        _note(rename_person(library, name, new_name))
    typer.echo(f"{name.strip()} is {new_name.strip()} now")


@app.command()
def merge(kept: Name, other: Name, place: Place = None) -> None:
    """Make one person of two, under the first name. `undo` makes them two again."""
    from whisperx_worker.voices.corrections import merge_people

    with _library(place) as library:
        _note(merge_people(library, kept, other))
    typer.echo(f"{other.strip()} is {kept.strip()} now")


@app.command()
def split(
    name: Name,
    voices: Annotated[list[int], typer.Argument(help="Numbers of voices, from `show`.")],
    into: Annotated[str | None, typer.Option("--into", metavar="NAME", help="Name of the new person.")] = None,
    place: Place = None,
) -> None:
    """Take voices out of a person; together they are another one. `undo` puts them back."""
    from whisperx_worker.voices.corrections import split_voices

    with _library(place) as library:
        now = split_voices(library, name, voices, into)
    typer.echo(f"{_count(len(set(voices)), 'voice')} of {name.strip()}: {now} now")


@app.command()
def undo(decision: Annotated[int, typer.Argument(help="Number from `show`.")], place: Place = None) -> None:
    """Undo a decision: a rename, merge, split or decide."""
    from whisperx_worker.voices.corrections import undo_decision

    with _library(place) as library:
        kind, changes = undo_decision(library, decision)
    _note(changes)
    typer.echo(f"undid {kind} {decision}")


@app.command()
def pending(place: Place = None, as_json: AsJson = False) -> None:
    """List uncertain voices with the two people that they may be."""
    from whisperx_worker.voices.library import pending_voices

    with _library(place) as library:
        found = pending_voices(library)
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
        return
    rows = [
        (*_voice_cells(one.voice), ", ".join(f"{name} {score:.2f}" for name, score in one.candidates)) for one in found
    ]
    print_table((*VOICE_HEAD, "may be"), rows)


@app.command()
def decide(
    voice: Annotated[int, typer.Argument(help="Number from `pending`.")],
    name: Annotated[str | None, typer.Argument(help="The person whose voice it is.")] = None,
    new: Annotated[bool, typer.Option("--new", help="It is somebody who is not in the library yet.")] = False,
    place: Place = None,
) -> None:
    """Decide an uncertain voice. `undo` makes it uncertain again."""
    from whisperx_worker.voices.corrections import decide_voice

    if (name is None) != new:
        raise BadInputError("decide takes a person's name, or --new for somebody who is not in the library yet")
    with _library(place) as library:
        now = decide_voice(library, voice, name)
    typer.echo(f"voice {voice} is {now}")


@app.command()
def forget(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    place: Place = None,
) -> None:
    """Delete a person with all voices, samples and names.

    No byte of them stays in the library. It cannot be undone.
    """
    from whisperx_worker.voices.corrections import forget_person
    from whisperx_worker.voices.library import find_person

    with _library(place) as library:
        with library.look() as connection:
            _, found_name = find_person(connection, name)
        if not yes:
            if not sys.stdin.isatty():
                raise BadInputError(f"forgetting {found_name} cannot be undone; --yes does it without asking")
            typer.confirm(f"Delete all voices of {found_name}? This cannot be undone", abort=True)
        own, doubtful = forget_person(library, name)
    also = f", and {_count(doubtful, 'uncertain voice')} nearest to this person" if doubtful else ""
    typer.echo(f"deleted {_count(own, 'voice')}{also}")


@app.command("export")
def export_library(
    file: Annotated[Path, typer.Argument(help="A new JSON file, which only you can read.")], place: Place = None
) -> None:
    """Write all people with their voiceprints. They are biometric data: keep the file closed."""
    from whisperx_worker.voices.library_json import export_json

    with _library(place) as library:
        content = export_json(library)
    try:
        opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise BadInputError(f"{file} is there already; an export is not written over another file") from None
    except OSError as error:
        raise WorkerError(f"{file} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
    except OSError as error:
        file.unlink(missing_ok=True)
        raise WorkerError(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {file}", err=True)


@app.command("import")
def import_library(file: Annotated[Path, typer.Argument(help="What `export` wrote.")], place: Place = None) -> None:
    """Take the voices of an export into the library: all, or none where one is wrong."""
    from whisperx_worker.voices.library_json import import_json

    try:
        content = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{file} cannot be taken: it is no text") from None
    with _library(place, create=True) as library:
        try:
            taken, changes = import_json(library, content)
        except BadInputError as error:
            raise BadInputError(f"{file} cannot be taken: {error}") from None
    _note(changes)
    typer.echo(f"{_count(taken.total(), 'voice')} of {_count(len(taken), 'person', 'people')} added")


@app.command("re-embed")
def re_embed(
    place: Place = None,
    model: Annotated[str | None, typer.Option("--speaker-model", help="Name or folder of the speaker model.")] = None,
    download: Annotated[bool, typer.Option("--download", help="The model may come from the Hugging Face hub.")] = False,
) -> None:
    """Embed kept samples by another speaker model, beside the embeddings that are there."""
    from whisperx_worker.pipeline.voice_samples import embed_library
    from whisperx_worker.pipeline.worker import open_worker

    settings = _settings(model, download=download)
    with _library(place, settings) as library:
        done = embed_library(open_worker(settings), library)
    _note(done.changes)
    typer.echo(f"{_count(done.embedded, 'voice')} embedded by {done.model}")
    if done.without_sample:
        names = ", ".join(f"{name} ({count})" for name, count in done.without_sample.items())
        typer.echo(f"without a kept sample, so unknown to this model: {names}", err=True)


VOICE_HEAD = ("voice", "recording", "speaker", "from, s", "speech, s", "decision", "model")


def _voice_cells(voice: KeptVoice) -> tuple[str, ...]:
    start = "-" if voice.start_s is None else f"{voice.start_s:.1f}"
    kept = f"{voice.decision}, sample kept" if voice.has_sample else voice.decision
    speech = f"{voice.speech_s:.1f}"
    return str(voice.id), voice.title or "-", voice.label or "-", start, speech, kept, voice.model


def _print_voices(voices: Iterable[KeptVoice]) -> None:
    print_table(VOICE_HEAD, [_voice_cells(voice) for voice in voices])


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def _note(changes: Iterable[str]) -> None:
    for sentence in changes:
        typer.echo(sentence, err=True)


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def _settings(model: str | None, *, download: bool) -> Settings:
    from whisperx_worker.contract.settings import load_settings

    folder_or_name = str(Path(model).resolve()) if model and Path(model).is_dir() else model
    chosen = {"speaker_model": folder_or_name, "hub_models": ("*",) if download else None}
    return load_settings(**{name: value for name, value in chosen.items() if value is not None})


def library_path(place: Path | None, settings: Settings) -> Path:
    """Return the library's file: the given one, the setting's, or that of the user's data folder."""
    from whisperx_worker.voices.library_file import default_path

    return place or settings.voices or default_path()


def _library(place: Path | None, settings: Settings | None = None, *, create: bool = False) -> Library:
    from whisperx_worker.contract.settings import load_settings
    from whisperx_worker.voices.library import open_library

    return open_library(library_path(place, settings or load_settings()), create=create)
