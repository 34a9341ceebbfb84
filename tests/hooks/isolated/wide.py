"""Plugin with one function of nearly every hook."""

from dataclasses import dataclass, replace
from pathlib import Path

from whisperx_worker import (
    ExtraSchema,
    ModelRequirement,
    OutputFormat,
    PluginInfo,
    Segment,
    Transcript,
    hookimpl,
    with_extra,
)

_seen = []


@dataclass(frozen=True)
class Mood:
    joy: float


@hookimpl
def register_plugin():
    return PluginInfo(on_request=True)


@hookimpl
def register_extra():
    return ExtraSchema(segment=Mood)


@hookimpl
def register_outputs():
    return [
        OutputFormat("shout", ".txt", lambda result: result.transcript.text.upper()),
        OutputFormat("length", ".bin", lambda audio, job: f"{job.id} {len(audio.samples)}".encode(), "a/b"),
    ]


@hookimpl
def register_models(settings):
    assert settings.plugins_dir is not None
    return [ModelRequirement("org/m", "transcribe", imports=("whisperx_worker.intervals",))]


@hookimpl
def warm_up(models, settings):
    with models.use(("warm", str(settings.models)), load=object):
        _seen.append("warm_up")


@hookimpl
def prepare(request):
    return request.model_copy(update={"hotwords": "Битрикс"})


@hookimpl(schemes="wide")
def source(address, folder):
    path = folder / "sound.wav"
    path.write_bytes(Path(address.removeprefix("wide://")).read_bytes())
    return path


@hookimpl
def transcribe(audio, job):
    segment = Segment(0.0, 1.0, f"слова {job.request.hotwords}", avg_logprob=-audio.duration_s)
    job.recognised([segment])
    return Transcript((segment,), "ru")


@hookimpl(tryfirst=True)
def partial(segments):
    return tuple(replace(one, text=one.text.upper()) for one in segments)


@hookimpl(before="odd", trylast=True)
def finalize(result, job):
    joy = "much" if job.request.initial_prompt else 0.5
    segments = [with_extra(one, "wide", joy=joy) for one in result.transcript.segments]
    return replace(result, transcript=replace(result.transcript, segments=tuple(segments)))


@hookimpl
def respond(response, job):
    return {**response, "seen": list(_seen), "models": [str(key) for key in job.models.loaded()]}


@hookimpl
def stage_ended(ended):
    _seen.append(ended.stage)


@hookimpl
def job_ended(error):
    _seen.append(f"{type(error).__name__}: {error}")


@hookimpl
def shutdown():
    Path("/dev/null").write_text("good-bye", "utf-8")
    print("good-bye")  # noqa: T201
