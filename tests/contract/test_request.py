import pytest

from whisperx_worker.contract.speakers import sample_name
from whisperx_worker.contract.validation import Abilities, parse_request
from whisperx_worker.errors import BadInputError

ABILITIES = Abilities(frozenset({"json", "srt"}), frozenset({"quiet"}), {})
CLIP = "UklGRg=="


def parsed(**fields):
    return parse_request({"audio_base64": CLIP, **fields}, ABILITIES)[0]


def test_a_request_of_only_a_recording_has_the_defaults_of_the_contract():
    request = parsed()

    assert request.model_dump(exclude={"audio_base64"}, mode="json") == {
        "audio_file": None,
        "model": None,
        "compute_type": None,
        "language": None,
        "language_detection_min_prob": 0.0,
        "language_detection_max_tries": 5,
        "task": "transcribe",
        "initial_prompt": None,
        "hotwords": None,
        "batch_size": 32,
        "beam_size": 5,
        "temperature": 0.0,
        "temperature_increment_on_fallback": 0.2,
        "length_penalty": 1.0,
        "vad_onset": 0.5,
        "vad_offset": 0.363,
        "align_output": False,
        "channels": "mix",
        "channel_names": [],
        "audio_track": None,
        "diarization": False,
        "num_speakers": None,
        "min_speakers": None,
        "max_speakers": None,
        "huggingface_access_token": None,
        "speaker_verification": None,
        "speaker_samples": [],
        "speakers": [],
        "return_voiceprints": False,
        "speaker_threshold": None,
        "output_formats": ["json"],
        "plugins": {},
        "stream": False,
        "strict": False,
        "debug": False,
    }


@pytest.mark.parametrize(
    "audio_file",
    [
        "https://example.com/call.mp3?X-Signature=abc",
        "HTTP://example.com:8080/%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA.wav",
        "data:audio/wav;base64,UklGRg==",
        "UklG\nRg==\n",
    ],
)
def test_a_recording_may_be_a_url_a_data_uri_or_base64(audio_file):
    assert parse_request({"audio_file": audio_file}, ABILITIES)[0].audio_file == audio_file


@pytest.mark.parametrize("text", ["UklGR", "UklG!w==", "Ukl=Rg==", "UklGRw=", "====", "UklGRg==ё", "Uk\u00a0lGRg=="])
def test_a_recording_that_is_no_base64_is_refused(text):
    with pytest.raises(BadInputError, match=r"^audio_base64 is not valid base64$"):
        parse_request({"audio_base64": text}, ABILITIES)


def test_diarize_is_another_name_of_diarization():
    assert parsed(diarize=True).diarization is True


def test_a_whole_number_is_a_number():
    assert parsed(temperature=0, length_penalty=2).length_penalty == 2.0


def test_verification_is_wanted_where_samples_are_given_and_not_refused():
    sample = {"url": "https://example.com/anna.wav"}

    assert parsed().wants_verification is False
    assert parsed(speaker_samples=[sample]).wants_verification is True
    assert parsed(speaker_samples=[sample], speaker_verification=False).wants_verification is False


def test_a_sample_without_a_name_is_called_after_its_file():
    sample = parsed(
        speaker_samples=[{"url": "https://example.com/a/%D0%90%D0%BD%D0%BD%D0%B0.wav?x=1"}]
    ).speaker_samples[0]

    assert sample_name(sample) == "Анна"


def test_a_path_is_a_recording_only_for_a_person_on_this_machine(tmp_path):
    recording = tmp_path / "call one.wav"
    recording.write_bytes(b"x")

    assert parse_request({"audio_file": str(recording)}, ABILITIES, local=True)[0].audio_file == str(recording)
    with pytest.raises(BadInputError, match=r"^audio_file must be an http\(s\) URL, a data: URI or base64$"):
        parse_request({"audio_file": str(recording)}, ABILITIES)


def test_the_token_shows_neither_in_the_request_nor_in_a_complaint():
    assert "hf_secretsecret" not in repr(parsed(huggingface_access_token="hf_secretsecret"))
    with pytest.raises(BadInputError) as raised:
        parsed(huggingface_access_token=["hf_secretsecret"])
    assert str(raised.value) == "huggingface_access_token must be text, not this list"
