"""Where nobody speaks there is no text, with the shipped model and with Whisper base; after speech, only the speech."""

import pytest

from tests.corpora.phantoms import WITH_SPEECH, WITHOUT_SPEECH
from tests.real_models import real_models
from tools.real_models import WHISPER
from whisperx_worker import Settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker

pytestmark = pytest.mark.models

MODELS = ["demo-whisper-ru", pytest.param(str(WHISPER), marks=real_models, id="whisper-base")]
EDGE_S = 0.7
"""Distance from the speech within which text belongs to it."""


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


def segments(worker, recording, model):
    asked = {"audio_base64": recording.flac_base64, "model": model, "language": "ru", "beam_size": 1}
    response = answer(worker, recording.name, asked, local=True)
    assert "error" not in response
    return [(segment["start"], segment["end"], segment["text"]) for segment in response["segments"]]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_comes_out_of_recordings_in_which_nobody_speaks(worker, model):
    found = {phantom.name: segments(worker, phantom.make(), model) for phantom in WITHOUT_SPEECH}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("model", MODELS)
def test_text_stays_at_the_speech_that_something_else_follows_or_precedes(worker, model):
    wrong = {}
    for phantom in WITH_SPEECH:
        recording = phantom.make()
        start, end = recording.words[0].start - EDGE_S, recording.words[-1].end + EDGE_S
        found = segments(worker, recording, model)
        outside = [one for one in found if one[0] < start or one[1] > end]
        if outside or not found:
            wrong[phantom.name] = outside
    assert wrong == {}
