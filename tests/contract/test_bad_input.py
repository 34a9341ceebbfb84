"""What a client reads when something is wrong with a job: one sentence, before any model is touched."""

import base64
import tempfile

import pytest

from tests.clips import wav
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

CLIP = base64.b64encode(wav(seconds=0.5)).decode()
FORMATS = "compute_type must be one of auto, default, int8, int8_float32, int8_float16, int8_bfloat16, int16, float16, bfloat16, float32"


def clip(**fields):
    return {"audio_base64": CLIP, **fields}


def url(place):
    return {"audio_file": place}


def inline(data: bytes):
    return {"audio_base64": base64.b64encode(data).decode()}


SAMPLES = "speaker_samples must be a list of at most 200 objects with name and url or audio_base64"

CASES = {
    # the job itself
    "no input": (None, 'the job has no input: send {"input": {"audio_file": ...}}'),
    "input is text": ("call.mp3", 'the job has no input: send {"input": {"audio_file": ...}}'),
    "input is a list": ([CLIP], 'the job has no input: send {"input": {"audio_file": ...}}'),
    "empty input": ({}, "the recording is missing: send audio_file or audio_base64"),
    "both recordings": (
        clip(audio_file="https://example.com/a.wav"),
        "audio_file and audio_base64 are both there; send one of them",
    ),
    "unknown field": (clip(languge="ru"), '"languge" is not a field of the request; did you mean language?'),
    "unknown field like nothing": (clip(zzz=1), '"zzz" is not a field of the request'),
    "alias and name": (clip(diarize=True, diarization=True), "diarize is another name of diarization; send one of them"),
    # thresholds are the worker's
    "no_speech_threshold": (
        clip(no_speech_threshold=0.5),
        "no_speech_threshold is set by the worker, not by a job; its operator sets the environment variable NO_SPEECH_THRESHOLD",
    ),
    "log_prob_threshold": (
        clip(log_prob_threshold=-1),
        "log_prob_threshold is set by the worker, not by a job; its operator sets the environment variable LOGPROB_THRESHOLD",
    ),
    "logprob_threshold": (
        clip(logprob_threshold=-1),
        "logprob_threshold is set by the worker, not by a job; its operator sets the environment variable LOGPROB_THRESHOLD",
    ),
    "compressionRatioThreshold": (
        clip(compressionRatioThreshold=2),
        "compressionRatioThreshold is set by the worker, not by a job; "
        "its operator sets the environment variable COMPRESSION_RATIO_THRESHOLD",
    ),
    "asr_no_speech_threshold": (
        clip(asr_no_speech_threshold=0.5),
        "asr_no_speech_threshold is set by the worker, not by a job; "
        "its operator sets the environment variable NO_SPEECH_THRESHOLD",
    ),
    # values
    "number as text": (clip(batch_size="8"), 'batch_size must be a whole number from 1 to 1024, not "8"'),
    "zero batch": (clip(batch_size=0), "batch_size must be a whole number from 1 to 1024, not 0"),
    "fraction of a chunk": (clip(batch_size=1.5), "batch_size must be a whole number from 1 to 1024, not 1.5"),
    "boolean batch": (clip(batch_size=True), "batch_size must be a whole number from 1 to 1024, not true"),
    "null batch": (clip(batch_size=None), "batch_size must be a whole number from 1 to 1024, not null"),
    "zero beam": (clip(beam_size=0), "beam_size must be a whole number from 1 to 100, not 0"),
    "huge beam": (clip(beam_size=10**9), "beam_size must be a whole number from 1 to 100, not 1000000000"),
    "NaN temperature": (clip(temperature=float("nan")), "temperature must be a number from 0 to 1, not NaN"),
    "hot": (clip(temperature=1.5), "temperature must be a number from 0 to 1, not 1.5"),
    "no step": (
        clip(temperature_increment_on_fallback=0),
        "temperature_increment_on_fallback must be a number from 0.05 to 1, or null, not 0",
    ),
    "step that is none": (
        clip(temperature_increment_on_fallback=1e-9),
        "temperature_increment_on_fallback must be a number from 0.05 to 1, or null, not 1e-09",
    ),
    "infinite penalty": (
        clip(length_penalty=float("inf")), "length_penalty must be a number from 0 to 10, not Infinity",
    ),
    "unknown language": (
        clip(language="klingon"),
        'language must be one of Whisper\'s language codes, such as "ru" or "en", or null, not "klingon"',
    ),
    "language in capitals": (
        clip(language="RU"), 'language must be one of Whisper\'s language codes, such as "ru" or "en", or null, not "RU"'
    ),
    "detection probability": (
        clip(language_detection_min_prob=50), "language_detection_min_prob must be a number from 0 to 1, not 50"
    ),
    "no tries": (
        clip(language_detection_max_tries=0), "language_detection_max_tries must be a whole number of at least 1, not 0"
    ),
    "task": (clip(task="summarize"), 'task must be "transcribe" or "translate", not "summarize"'),
    "compute type": (clip(compute_type="int4"), f'{FORMATS}, not "int4"'),
    "onset": (clip(vad_onset=1.2), "vad_onset must be a number from 0 to 1, not 1.2"),
    "offset above onset": (clip(vad_offset=0.9), "vad_offset must not be above vad_onset, but 0.9 is above 0.5"),
    "align is text": (clip(align_output="yes"), 'align_output must be true or false, not "yes"'),
    "debug is a number": (clip(debug=1), "debug must be true or false, not 1"),
    "prompt is a list": (clip(initial_prompt=["a"]), "initial_prompt must be text of at most 4000 characters, not this list"),
    "long prompt": (
        clip(hotwords="слово " * 1000), "hotwords must be text of at most 4000 characters, not this text"
    ),
    "empty model": (clip(model=""), 'model must be a model\'s name, such as "faster-whisper-large-v3-russian", not ""'),
    "model is a path": (clip(model="/etc"), 'model must be a model\'s name or org/name, not "/etc"'),
    "model climbs": (clip(model="../../etc"), 'model must be a model\'s name or org/name, not "../../etc"'),
    # speakers
    "no speakers": (clip(num_speakers=0), "num_speakers must be a whole number from 1 to 100, or null, not 0"),
    "min above max": (
        clip(min_speakers=3, max_speakers=2), "min_speakers must not be above max_speakers, but 3 is above 2"
    ),
    "num below min": (
        clip(num_speakers=1, min_speakers=2), "num_speakers must not be below min_speakers, but 1 is below 2"
    ),
    "num above max": (
        clip(num_speakers=4, max_speakers=2), "num_speakers must not be above max_speakers, but 4 is above 2"
    ),
    "threshold": (clip(speaker_threshold=2), "speaker_threshold must be a number from -1 to 1, or null, not 2"),
    "samples are an object": (clip(speaker_samples={"name": "Анна"}), f'{SAMPLES}, not {{"name": "Анна"}}'),
    "a sample that is a word": (
        clip(speaker_samples=["Анна"]), "speaker_samples[0] must be an object with name and url or audio_base64"
    ),
    "a sample of nothing": (
        clip(speaker_samples=[{"name": "Анна"}]), "speaker_samples[0] needs exactly one of url and audio_base64"
    ),
    "a sample by ftp": (
        clip(speaker_samples=[{"url": "ftp://example.com/a.wav"}]), "speaker_samples[0].url must be an http(s) URL, not ftp:"
    ),
    "a nameless sample": (
        clip(speaker_samples=[{"audio_base64": CLIP}]),
        "speaker_samples[0].name is missing, and base64 has no file name to take it from",
    ),
    "a nameless sample in a data URI": (
        clip(speaker_samples=[{"url": f"data:audio/wav;base64,{CLIP}"}]),
        "speaker_samples[0].name is missing, and this url has no file name to take it from",
    ),
    "a nameless sample of a site": (
        clip(speaker_samples=[{"url": "https://example.com/?id=7"}]),
        "speaker_samples[0].name is missing, and this url has no file name to take it from",
    ),
    "a sample of a stranger": (
        clip(speaker_samples=[{"name": "Unknown ", "audio_base64": CLIP}]),
        'speaker_samples[0].name must not be "Unknown": strangers are called that',
    ),
    "a sample named like a speaker": (
        clip(speaker_samples=[{"url": "https://example.com/SPEAKER_00.wav"}]),
        'speaker_samples[0].name must not be "SPEAKER_00": strangers are called that',
    ),
    "an odd field of a sample": (
        clip(speaker_samples=[{"nmae": "Анна", "url": "https://example.com/a.wav"}]),
        "speaker_samples[0].nmae is not a field of a sample",
    ),
    "verification without samples": (
        clip(speaker_verification=True), "speaker_verification needs speakers or speaker_samples"
    ),
    "token is a number": (clip(huggingface_access_token=5), "huggingface_access_token must be text, not this number"),
    # outputs and plugins
    "formats are text": (clip(output_formats="srt"), 'output_formats must be a list of formats, not "srt"'),
    "unknown format": (
        clip(output_formats=["srt", "pdf"]),
        'output_formats: there is no format "pdf" (there are: json, redacted_flac, rttm, srt, tsv, txt, vtt)',
    ),
    "turns that nobody asked for": (
        clip(output_formats=["rttm"]),
        'output_formats: rttm needs diarization, or channels "separate" or "auto"',
    ),
    "another way to read channels": (clip(channels="both"), 'channels must be "mix", "separate" or "auto", not "both"'),
    "names of channels that are mixed": (
        clip(channel_names=["Анна"]),
        'channel_names needs channels "separate" or "auto"',
    ),
    "names that are no list": (
        clip(channels="auto", channel_names="Анна"),
        'channel_names must be a list of at most 8 names, not "Анна"',
    ),
    "a channel without a name": (
        clip(channels="auto", channel_names=["Анна", " "]),
        'channel_names must be a list of at most 8 names, not " "',
    ),
    "one name of two channels": (
        clip(channels="auto", channel_names=["Анна", " Анна"]),
        'channel_names has "Анна" twice; each channel needs a name of its own',
    ),
    "a channel with a label of speakers": (
        clip(channels="auto", channel_names=["speaker_00", "Channel_1"]),
        'channel_names[0] must not be "speaker_00": strangers are called that; '
        'channel_names[1] must not be "Channel_1": strangers are called that',
    ),
    "a person with a label of channels": (
        clip(speaker_samples=[{"name": "CHANNEL_0", "audio_base64": CLIP}]),
        'speaker_samples[0].name must not be "CHANNEL_0": strangers are called that',
    ),
    "a track before the first": (
        clip(audio_track=-1),
        "audio_track must be a whole number of at least 0, or null, not -1",
    ),
    "unknown plugin": (
        clip(plugins={"nobody": {}}),
        'plugins: there is no active plugin "nobody" (there are: pyannote_diarization, redact, russian_numbers, russian_whisper, silero_detection, speaker_verification, vocabulary, wav2vec2_alignment, whisper_language)',
    ),
    "plugins are a list": (
        clip(plugins=["russian_whisper"]),
        'plugins must be an object of plugin names, each with an object of options, not ["russian_whisper"]',
    ),
    "options that do not exist": (clip(plugins={"russian_whisper": {"speed": 2}}), "plugins.russian_whisper takes no options"),
    # places
    "a path": (url("/etc/passwd"), "audio_file must be an http(s) URL, a data: URI or base64"),
    "a file URL": (url("file:///etc/passwd"), "audio_file must be an http(s) URL, not file:"),
    "gopher": (url("gopher://example.com/x"), "audio_file must be an http(s) URL, not gopher:"),
    "a URL without a host": (url("http:///call.mp3"), "audio_file is not a valid URL"),
    "a URL with a line break": (url("http://example.com/a\r\nHost: b"), "audio_file is not a valid URL"),
    "a port out of range": (url("http://example.com:99999/a.wav"), "audio_file is not a valid URL"),
    "credentials in the URL": (
        url("https://user:hunter22@example.com/a.wav"), "audio_file must not carry a user name or a password in the URL"
    ),
    "no text": (url(""), "audio_file must be an http(s) URL, a data: URI or base64, not this text"),
    "a number for a place": (url(7), "audio_file must be an http(s) URL, a data: URI or base64, not this number"),
    "a data URI without base64": (
        url("data:audio/wav,RIFF"), "audio_file: a data: URI must look like data:audio/wav;base64,..."
    ),
    "an empty data URI": (url("data:audio/wav;base64,"), "audio_file is empty"),
    "broken base64": ({"audio_base64": "@@@"}, "audio_base64 is not valid base64"),
    "base64 of spaces": ({"audio_base64": "  \n"}, "audio_base64 is empty"),
    # several at once
    "three mistakes": (
        clip(beam_size=0, languge="ru", min_speakers=2, max_speakers=1),
        '"languge" is not a field of the request; did you mean language?; '
        "beam_size must be a whole number from 1 to 100, not 0; "
        "min_speakers must not be above max_speakers, but 2 is above 1",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


@pytest.mark.parametrize(("data", "sentence"), CASES.values(), ids=CASES.keys())
def test_a_client_gets_one_sentence_and_nothing_is_left(worker, monkeypatch, tmp_path, data, sentence):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert answer(worker, "job", data) == {"error": sentence}
    assert list(tmp_path.iterdir()) == []
    assert worker.models.loaded() == []
