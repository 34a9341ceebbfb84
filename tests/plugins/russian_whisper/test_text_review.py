"""What becomes of a text that a plugin changes, or asks another try for."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.recognition import own_recognition, recognise
from whisperx_worker import Audio, ModelCache, Settings, Span, hookimpl
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
from whisperx_worker_plugins.russian_whisper.text_review import review_texts

ROOT = Path(__file__).parents[3]
LADDER = [0.0, 0.2, 0.4]


class Reviews:
    """A plugin that answers by a function, and notes what it sees."""

    def __init__(self, change):
        self.change, self.seen = change, []

    @hookimpl
    def decoded(self, decoded):
        self.seen.append(decoded)
        return self.change(decoded)


def chunk(text, temperature=0.0, logprob=-0.2):
    return DecodedChunk((1, 2), text, logprob, 0.0, 1.0, temperature, 10.0)


def reviewed(change, *decoded, ladder=LADDER):
    """Return the texts of a batch after a plugin, and the tries that were asked for."""
    plugin, tries = Reviews(change), []

    def again(indices, temperature):
        tries.append((list(indices), temperature))
        return [chunk(f"{temperature:g}", temperature, logprob=-temperature) for _ in indices]

    chunks = [Chunk((Span(10.0 * index, 10.0 * index + 9.0),)) for index in range(len(decoded))]
    found = review_texts(chunks, decoded, ladder, again, make_job(load_plugin(plugin)))
    return found, tries, plugin.seen


def test_a_plugin_sees_each_chunk_with_its_place_and_scores():
    _, _, seen = reviewed(lambda _decoded: None, chunk("да"), chunk("нет", 0.4, -0.5))
    assert [(one.span, one.text, one.avg_logprob, one.temperature, one.retry) for one in seen] == [
        (Span(0.0, 9.0), "да", -0.2, 0.0, False),
        (Span(10.0, 19.0), "нет", -0.5, 0.4, False),
    ]


def test_a_text_that_stays_is_the_chunk_as_it_was():
    first, second = chunk("да"), chunk("нет")
    found, tries, _ = reviewed(replace, first, second)
    assert found[0] is first
    assert found[1] is second
    assert tries == []


def test_another_text_has_no_tokens_and_no_timestamps():
    found, _, _ = reviewed(lambda decoded: replace(decoded, text=" Да, да, да, да, да, да, да! "), chunk("да"))
    assert (found[0].text, found[0].tokens, found[0].has_timestamps) == ("Да, да, да, да, да, да, да!", (), False)


def test_a_refused_text_is_decoded_at_each_further_temperature_until_one_is_taken():
    found, tries, _ = reviewed(
        lambda decoded: replace(decoded, retry=decoded.text in {"x", "0.2"}), chunk("да"), chunk("x"), chunk("x", 0.2)
    )
    assert tries == [([1], 0.2), ([1, 2], 0.4)]
    assert [one.text for one in found] == ["да", "0.4", "0.4"]


@pytest.mark.parametrize(("ladder", "tries"), [(LADDER, 2), ([0.0], 0)])
def test_where_every_text_is_refused_the_ladder_ends_and_the_best_one_stays(ladder, tries):
    found, asked, seen = reviewed(lambda decoded: replace(decoded, retry=True), chunk("x", logprob=-0.3), ladder=ladder)
    assert (len(asked), len(seen)) == (tries, tries + 1)
    assert found[0].text == ("0.2" if tries else "x")


# --- in a job


@pytest.fixture(scope="module")
def samples():
    import soundfile

    return soundfile.read(ROOT / "demo" / "dialogue.flac", dtype="float32", frames=16_000 * 24)[0]


SHELF = ModelCache()


def transcribe(samples, change=None, **fields):
    """Return the transcript of a job with a plugin, what the plugin saw, and what the client was shown."""
    plugin = Reviews(change or (lambda _decoded: None))
    host = own_recognition(**({"reviews": plugin} if change else {}))
    job = make_job(host, language="ru", **fields)
    job.settings, job.models = Settings(model="demo-whisper-ru", device="cpu"), SHELF
    return recognise(host, job, Audio(samples.copy())), plugin.seen, job


@pytest.mark.models
def test_a_plugin_that_changes_nothing_leaves_the_answer_as_it_is(samples):
    before, _, _ = transcribe(samples)
    after, seen, _ = transcribe(samples, replace)

    assert after == before
    assert before.text
    assert {one.temperature for one in seen} == {0.0}


@pytest.mark.models
@pytest.mark.parametrize("fields", [{}, {"diarization": True}])
def test_the_segments_have_the_text_of_the_plugin_and_words_of_it(samples, fields):
    before, _, _ = transcribe(samples)
    word = before.text.split()[0]
    after, _, _ = transcribe(samples, lambda one: replace(one, text=one.text.replace(word, "Здравствуйте,")), **fields)

    assert after.text == before.text.replace(word, "Здравствуйте,")
    assert all(0 <= one.start < one.end <= 24 for one in after.segments)
    words = [" ".join(word.word for word in one.words) for one in after.segments]
    assert words == [one.text for one in after.segments] if fields else not any(words)


@pytest.mark.models
def test_a_refused_text_is_read_at_higher_temperatures(samples):
    _, seen, _ = transcribe(samples, lambda one: replace(one, retry=one.temperature < 0.4))

    by_span = {}
    for one in seen:
        by_span.setdefault(one.span, []).append(one.temperature)
    assert set(map(tuple, by_span.values())) == {(0.0, 0.2, 0.4)}
