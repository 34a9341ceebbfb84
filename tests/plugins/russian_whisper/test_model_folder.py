"""Chunk limits and timestamps from a model's folder, and limits from the settings."""

import pytest

from whisperx_worker import ModelNotFoundError, Settings
from whisperx_worker_plugins._shared.whisper import model_folder
from whisperx_worker_plugins.russian_whisper import chunk_limits, chunking


@pytest.mark.parametrize(
    ("written", "chunk_s", "packing"),
    [
        (None, None, chunking.ChunkLimits(30.0, 5.0)),
        ('{"longest_s": 20}', None, chunking.ChunkLimits(20.0, 5.0)),
        ('{"longest_s": 20, "longest_pause_s": 1}', 12.0, chunking.ChunkLimits(12.0, 1.0)),
        ('{"join_across_pauses": false}', None, chunking.ChunkLimits(join_across_pauses=False)),
    ],
)
def test_chunk_limits_come_from_the_settings_and_else_from_the_models_folder(tmp_path, written, chunk_s, packing):
    if written:
        (tmp_path / "chunks.json").write_text(written)

    assert chunk_limits.read_chunk_limits(tmp_path, Settings(chunk_s=chunk_s)) == packing


@pytest.mark.parametrize(
    "written",
    [
        "[]",
        "{",
        '{"longest": 20}',
        '{"longest_s": 31}',
        '{"longest_s": "20"}',
        '{"longest_s": 0.5}',
        '{"longest_pause_s": 1e9}',
        '{"join_across_pauses": 1}',
    ],
)
def test_a_folder_with_invalid_limits_is_refused(tmp_path, written):
    (tmp_path / "chunks.json").write_text(written)

    with pytest.raises(
        ModelNotFoundError,
        match=r"cannot be used: it may have longest_s from 1 to 30 and longest_pause_s from 0 to 30, "
        r"and join_across_pauses true or false$",
    ):
        chunk_limits.read_chunk_limits(tmp_path, Settings())


@pytest.mark.parametrize(
    ("written", "known"),
    [(None, None), ("{}", None), ('{"timestamps": true}', True), ('{"timestamps": false}', False)],
)
def test_a_folder_may_say_whether_its_model_knows_timestamps(tmp_path, written, known):
    if written:
        (tmp_path / "decoding.json").write_text(written)

    assert model_folder.read_timestamps(tmp_path) is known


@pytest.mark.parametrize(
    "written", ["[]", "{", "null", '{"timestamp": true}', '{"timestamps": 1}', '{"timestamps": null}']
)
def test_a_folder_that_says_anything_else_of_timestamps_is_refused(tmp_path, written):
    (tmp_path / "decoding.json").write_text(written)

    with pytest.raises(ModelNotFoundError, match=r"cannot be used: it may have timestamps, true or false$"):
        model_folder.read_timestamps(tmp_path)


@pytest.mark.parametrize("name", ["chunks.json", "decoding.json"])
def test_a_folder_in_place_of_a_file_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()

    with pytest.raises(ModelNotFoundError, match="cannot be used"):
        chunk_limits.read_chunk_limits(tmp_path, Settings()), model_folder.read_timestamps(tmp_path)
