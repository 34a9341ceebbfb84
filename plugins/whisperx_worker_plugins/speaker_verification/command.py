"""Command `whisperx-worker calibrate-speakers`: a threshold proposed by recordings of known people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from whisperx_worker import BadInputError, Settings, SpeakerSample, open_job, read_sample
from whisperx_worker_plugins.speaker_verification.calibration import calibrate, trials_of
from whisperx_worker_plugins.speaker_verification.enrolment import analyse_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker import Job
    from whisperx_worker_plugins.speaker_verification.calibration import Calibration, Trials

PICTURE_SUFFIXES = (".png", ".svg")
REPORT = """\
{recordings} recordings of {people} people: {calibration.same_pairs} pairs of one person, \
{calibration.different_pairs} of two
equal-error rate    {calibration.equal_error_rate:.1%} at {calibration.equal_error_threshold:.3f}
proposed threshold  {calibration.threshold:.3f}: {calibration.accepted:.2%} of the pairs of two reach it, \
{calibration.missed:.1%} of the pairs of one do not

Send it as `speaker_threshold`, or keep it beside the model in verification.json as {{"threshold": \
{calibration.threshold:.3f}}}.
It is only as good as these recordings: measure again for another telephone line, microphone, room or language."""


def calibrate_speakers(
    folder: Annotated[Path, typer.Argument(help="One sub-folder of recordings per person.")],
    model: Annotated[
        str | None, typer.Option(help="Name or folder of the speaker model; else the worker's own.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="A .png or .svg file to draw the similarities into.")] = None,
) -> None:
    """Propose a threshold for your speakers.

    Measures how well voices are told apart on your own recordings.
    """
    files = find_recordings(folder)
    if plot:
        check_picture_path(plot)
    model_name = str(Path(model).resolve()) if model and Path(model).is_dir() else model
    settings = Settings(speaker_model=model_name) if model_name else Settings()
    job = open_job("calibrate-speakers", settings)
    embedded = [(person, embed_file(file, job)) for person, file in files]
    for warned in job.warnings:
        typer.echo(f"warning: {warned}", err=True)
    usable = [(person, embedding) for person, embedding in embedded if embedding is not None]
    if not usable:
        raise BadInputError(f"{folder} has no recording that can be used")
    people = [person for person, _ in usable]
    trials = trials_of(np.stack([embedding for _, embedding in usable]), people)
    calibration = calibrate(trials)
    typer.echo(REPORT.format(recordings=len(people), people=len(set(people)), calibration=calibration))
    if plot:
        draw_similarities(trials, calibration, plot)
        typer.echo(f"wrote {plot}", err=True)


def find_recordings(folder: Path) -> list[tuple[str, Path]]:
    """Return (person, file) of every file in a sub-folder, sorted.

    Raises:
        BadInputError: When there are no such files.
    """
    files = sorted((file.parent.name, file) for file in folder.glob("*/*") if file.is_file())
    if not files:
        raise BadInputError(f"{folder} has no sub-folders with recordings; it needs one for each person")
    return files


def check_picture_path(path: Path) -> None:
    """Check a picture's path before anything heavy runs.

    Raises:
        BadInputError: When the file's ending is no kind of picture, or its folder is not there.
    """
    if path.suffix not in PICTURE_SUFFIXES:
        raise BadInputError(f"{path} must end in {' or '.join(PICTURE_SUFFIXES)}")
    if not path.parent.is_dir():
        raise BadInputError(f"{path} cannot be written: there is no folder {path.parent}")


def embed_file(file: Path, job: Job) -> NDArray[np.float32] | None:
    """Return a recording's embedding, or None and a warning where it cannot be read."""
    name = f"{file.parent.name}/{file.name}"
    try:
        analysis = analyse_sample(read_sample(SpeakerSample(name=name, url=str(file.resolve())), job), job)
    except BadInputError as error:
        job.warn(f"{error}; it is left out")
        return None
    for problem in analysis.problems:
        job.warn(f"{name} {problem}")
    return analysis.embedding


def draw_similarities(trials: Trials, calibration: Calibration, path: Path) -> None:
    """Draw both distributions of similarities and the two thresholds.

    Raises:
        BadInputError: When the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="similarity (cosine)", ylabel="pairs, share of their kind")
    low = float(min(trials.same.min(), trials.different.min()))
    bins = np.linspace(low, 1.0, 41)
    for scores, label, colour in ((trials.different, "two people", "tab:red"), (trials.same, "one person", "tab:blue")):
        shares = np.full(len(scores), 1 / len(scores))
        axes.hist(scores, bins=bins.tolist(), weights=shares, alpha=0.6, label=label, color=colour)
    rate, crossing = calibration.equal_error_rate, calibration.equal_error_threshold
    axes.axvline(crossing, color="grey", linestyle=":", label=f"equal errors: {rate:.1%} at {crossing:.3f}")
    axes.axvline(calibration.threshold, color="black", label=f"proposed: {calibration.threshold:.3f}")
    axes.legend()
    try:
        figure.savefig(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror}") from None
