"""Plugins that were written before the API had a version work as they are."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from whisperx_worker import BadInputError
from whisperx_worker.testing import (
    Recording,
    demo_recording,
    load_plugin,
    load_plugins,
    make_job,
    make_transcript,
    run_job,
)

FOLDER = Path(__file__).parents[1] / "plugins_of_old"
SPOKEN = "восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь"
CHECKSUMS = {
    "phone_mask": "f2785b321778f154dfc66b22949d93e9e2bba49f5ed2181a1b77a022d8054dd1",
    "open_telemetry": "90245eef06fc8f52730555aba3ddcae52566eaced303c9f6f08aabc940255d0c",
}


def module_of_old(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_old", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "checksum"), CHECKSUMS.items())
def test_nobody_has_edited_it(name, checksum):
    assert hashlib.sha256((FOLDER / f"{name}.py").read_bytes()).hexdigest() == checksum


@pytest.fixture(scope="module")
def phone_mask():
    return load_plugin(module_of_old("phone_mask"), name="phone_mask")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Звоните 8 916 123-45-67.", "Звоните ● ●●● ●●●-●●-●●."),
        ("+7 (495) 000-00-00, добавочный 12", "+● (●●●) ●●●-●●-●●, добавочный 12"),
        ("89161234567", "●●●●●●●●●●●"),
        (f"Мой номер {SPOKEN}.", "Мой номер " + " ".join(["●●●"] * 10) + "."),
        ("В 2024 году было 1 500 000 000 рублей.", "В 2024 году было 1 500 000 000 рублей."),
        ("", ""),
    ],
)
@pytest.mark.parametrize("has_words", [True, False])
def test_its_masked_text_passes_the_check_of_contents(phone_mask, text, masked, has_words):
    transcript = make_transcript(text, "Алло")
    if not has_words:
        segments = tuple(replace(segment, words=()) for segment in transcript.segments)
        transcript = replace(transcript, segments=segments)

    response = run_job(phone_mask, Recording(transcript=transcript)).response

    assert (response["segments"][0]["text"], response["warnings"]) == (masked, [])


def test_a_number_over_two_segments_is_masked_in_both(phone_mask):
    call = Recording(transcript=make_transcript("Пишите: восемь девятьсот", "шестнадцать сто двадцать три, записали?"))
    answer = run_job(phone_mask, call, diarization=True, align_output=True)
    assert [segment["text"] for segment in answer.response["segments"]] == [
        "Пишите: ●●● ●●●",
        "●●● ●●● ●●● ●●●, записали?",
    ]


def test_its_options_are_validated(phone_mask):
    call = Recording(transcript=make_transcript("8 916 123-45-67"))
    options = {"phone_mask": {"keep_last": 2, "mask": "*"}}
    assert run_job(phone_mask, call, plugins=options).response["segments"][0]["text"] == "* *** ***-**-67"
    with pytest.raises(BadInputError, match=r"^plugins\.phone_mask\.keep_last: "):
        make_job(phone_mask, plugins={"phone_mask": {"keep_last": 11}})


def test_the_observer_makes_a_span_of_each_stage_and_of_the_job():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    open_telemetry = module_of_old("open_telemetry")
    open_telemetry.trace = Tracing(provider, open_telemetry.trace)
    host = load_plugins(open_telemetry=open_telemetry)

    response = run_job(host, demo_recording(), diarization=True).response

    spans = {span.name: span for span in exporter.get_finished_spans()}
    whole = spans.pop("job")
    assert response["warnings"] == []
    assert {"fetch", "decode", "pre_audio", "transcribe", "post_align", "diarize", "finalize"} <= set(spans)
    assert {span.parent.span_id for span in spans.values()} == {whole.context.span_id}
    assert (whole.attributes["whisperx_worker.audio_s"], whole.attributes["whisperx_worker.speakers"]) == (5.1, 2)


class Tracing:
    """The module that the plugin imports, with a provider of this test alone: the global one can be set once."""

    def __init__(self, provider, module):
        self._provider, self._module = provider, module

    def get_tracer(self, name):
        return self._provider.get_tracer(name)

    def __getattr__(self, name):
        return getattr(self._module, name)
