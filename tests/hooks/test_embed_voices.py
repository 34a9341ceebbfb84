"""`job.embed_voices`: the engine of the job embeds sounds, and what it answers fits them."""

from __future__ import annotations

import numpy as np
import pytest

from whisperx_worker import PluginError, VoiceEmbeddings, file_revision, hookimpl
from whisperx_worker.testing import load_plugin, load_plugins, make_audio, make_job

SOUNDS = [make_audio().samples, make_audio().samples[:100]]


def rows(count, dimension=4):
    return np.tile(np.eye(1, dimension, dtype=np.float32), (count, 1))


class Encoder:
    """A speaker model that takes all voices for one."""

    def __init__(self, **changed):
        self.changed = changed
        self.sounds = []

    @hookimpl
    def embed_voices(self, sounds):
        self.sounds.append(len(sounds))
        answer = {"vectors": rows(len(sounds)), "model": "made", "revision": "1", "threshold": 0.5}
        return VoiceEmbeddings(**{**answer, **self.changed})


def test_a_job_embeds_sounds_by_its_engine():
    encoder = Encoder()
    job = make_job(load_plugin(encoder))

    assert job.embed_voices(SOUNDS).vectors.shape == (2, 4)
    assert job.embed_voices([]).model == "made"
    assert encoder.sounds == [2, 0]


def test_a_job_names_the_engine_under_plugins():
    first, second = Encoder(), Encoder(model="other")
    host = load_plugins(first=first, second=second)

    assert make_job(host, plugins={"second": {}}).embed_voices(SOUNDS).model == "other"
    with pytest.raises(PluginError, match="name one in WHISPERX_WORKER_EMBED_VOICES_ENGINE"):
        make_job(host).embed_voices(SOUNDS)


def test_without_an_engine_the_answer_is_one_sentence():
    with pytest.raises(PluginError, match="embed_voices: no active plugin does this step"):
        make_job().embed_voices(SOUNDS)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"vectors": rows(1)}, "there are 1 vectors for 2 sounds"),
        ({"vectors": 2 * rows(2)}, "vector 0 has length 2, which is not 1"),
        ({"vectors": rows(2).astype(np.float64)}, "its vectors are float64 of shape (2, 4) and not one row of float32"),
        ({"vectors": rows(2)[0]}, "its vectors are float32 of shape (4,) and not one row of float32"),
        ({"model": "/srv/models/mine"}, "its model is '/srv/models/mine', which is no name"),
        ({"revision": ""}, "its revision is '', which is no name"),
        ({"threshold": float("nan")}, "its threshold is nan, which is no cosine"),
    ],
)
def test_an_answer_that_does_not_fit_is_named(changed, fault):
    with pytest.raises(PluginError) as failed:
        make_job(load_plugin(Encoder(**changed), name="made")).embed_voices(SOUNDS)
    assert str(failed.value).startswith("embed_voices failed in plugin made: it returned VoiceEmbeddings in which")
    assert fault in str(failed.value)


def test_a_sound_without_a_voice_is_nan():
    vectors = rows(2)
    vectors[1] = np.nan
    assert np.isnan(make_job(load_plugin(Encoder(vectors=vectors))).embed_voices(SOUNDS).vectors[1]).all()


def test_a_revision_changes_with_contents_and_not_with_places(tmp_path):
    for folder, weights in (("one", b"abc"), ("two", b"abc"), ("three", b"abd")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights").write_bytes(weights)
    one, two, three = (file_revision([tmp_path / name / "weights"]) for name in ("one", "two", "three"))

    assert one == two == "baba775df93b"
    assert three != one
