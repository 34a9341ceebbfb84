from pathlib import Path

import pytest

from whisperx_worker.contract.settings import Settings, load_settings, variables
from whisperx_worker.errors import SettingsError


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for field in Settings.model_fields:
        for variable in variables(field):
            monkeypatch.delenv(variable, raising=False)


def test_without_an_environment_the_defaults_of_the_contract_hold():
    settings = load_settings()

    assert (settings.no_speech_threshold, settings.logprob_threshold, settings.compression_ratio_threshold) == (
        0.6,
        -1.0,
        2.4,
    )
    assert (settings.model, settings.models) == ("faster-whisper-large-v3-russian", Path("/models"))
    assert settings.hf_token is None
    assert settings.hub_models == ()


@pytest.mark.parametrize("field", ["no_speech_threshold", "logprob_threshold", "compression_ratio_threshold"])
def test_the_plain_name_of_a_threshold_wins_over_the_older_one(monkeypatch, field):
    plain, older = variables(field)
    sign = -1 if field == "logprob_threshold" else 1

    monkeypatch.setenv(older, str(sign * 0.25))
    assert getattr(load_settings(), field) == sign * 0.25
    monkeypatch.setenv(plain, str(sign * 0.5))
    assert getattr(load_settings(), field) == sign * 0.5


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("NO_SPEECH_THRESHOLD", "high", 'NO_SPEECH_THRESHOLD must be a number from 0 to 1, not "high"'),
        ("ASR_NO_SPEECH_THRESHOLD", "2", 'ASR_NO_SPEECH_THRESHOLD must be a number from 0 to 1, not "2"'),
        ("LOGPROB_THRESHOLD", "1", 'LOGPROB_THRESHOLD must be a number of at most 0, not "1"'),
        ("COMPRESSION_RATIO_THRESHOLD", "nan", 'COMPRESSION_RATIO_THRESHOLD must be a number above 0, not "nan"'),
        ("WHISPERX_WORKER_DEVICE", "tpu", 'WHISPERX_WORKER_DEVICE must be "auto", "cpu" or "cuda", not "tpu"'),
        ("WHISPERX_WORKER_THREADS", "two", 'WHISPERX_WORKER_THREADS must be a whole number from 0 to 256, not "two"'),
        ("WHISPERX_WORKER_WARM_UP", "maybe", 'WHISPERX_WORKER_WARM_UP must be true or false, not "maybe"'),
        ("WHISPERX_WORKER_PLUGINS_DIR", "/no/such", 'WHISPERX_WORKER_PLUGINS_DIR must be a folder that exists, not "/no/such"'),
        ("WHISPERX_WORKER_HUB_MODELS", "org/name,a b", 'WHISPERX_WORKER_HUB_MODELS must be names of models separated by commas, not "org/name,a b"'),
        ("WHISPERX_WORKER_MAX_AUDIO_S", "-1", 'WHISPERX_WORKER_MAX_AUDIO_S must be a number above 0, not "-1"'),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_told_with_its_variable(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as raised:
        load_settings()

    assert str(raised.value) == message


def test_all_wrong_variables_are_told_at_once(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_DEVICE", "tpu")
    monkeypatch.setenv("LOGPROB_THRESHOLD", "x")

    with pytest.raises(SettingsError, match=r"LOGPROB_THRESHOLD must be .*; WHISPERX_WORKER_DEVICE must be "):
        load_settings()


def test_lists_are_separated_by_commas_and_an_empty_variable_is_none_at_all(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_ALLOW", "b, a,")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_BLOCK", "")

    assert load_settings().plugins_allow == ("b", "a")
    assert load_settings().plugins_block == ()


def test_the_token_does_not_show_in_the_settings(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghij")

    assert "hf_abcdefghij" not in repr(load_settings())
    assert load_settings().hf_token.get_secret_value() == "hf_abcdefghij"
