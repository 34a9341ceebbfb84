"""What a client reads when something is wrong with the people of a job: one sentence, and nothing of a voiceprint."""

from __future__ import annotations

import base64
import json
import random
import struct
import tempfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clips import wav
from tests.voiceprints import seen_of, some_text, some_voiceprint
from whisperx_worker.contract.settings import Settings
from whisperx_worker.contract.validation import Abilities, parse_request
from whisperx_worker.errors import BadInputError
from whisperx_worker.logs import redaction
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.voices.voiceprint import VOICEPRINT_PREFIX, read_voiceprint

CLIP = base64.b64encode(wav(seconds=0.5)).decode()
ONE, TWO, OTHER = some_text(1), some_text(2), some_text(3, revision="b" * 40)
ABILITIES = Abilities(frozenset({"json"}), frozenset(), {})
SAMPLE = {"audio_base64": CLIP}


def speakers(*given, **fields):
    return {"audio_base64": CLIP, "speakers": list(given), **fields}


def anna(**fields):
    return {"name": "Анна", **fields}


def with_voiceprints(*voiceprints):
    return speakers(anna(voiceprints=list(voiceprints)))


def with_samples(*samples):
    return speakers(anna(samples=list(samples)))


def packed(vector=None, names=b"m\nr", seconds=1.0, dimension=None):
    """A voiceprint with a right checksum and any content."""
    values = np.asarray([1.0] if vector is None else vector, "<f4").tobytes()
    facts = len(names), len(values) // 4 if dimension is None else dimension, seconds
    checksum = zlib.crc32(struct.pack("<HIfI", *facts, 0) + names + values)
    whole = struct.pack("<HIfI", *facts, checksum) + names + values
    return VOICEPRINT_PREFIX + base64.urlsafe_b64encode(whole).decode()


LISTED = "speakers must be a list of at most 200 objects with name, and voiceprints or samples, not this"
OBJECT = "must be an object with name, and voiceprints or samples, not this"
FIRST = "speakers[0].voiceprints[0]"
DAMAGED = f"{FIRST} is damaged or cut off"
NO_EMBEDDING = f"{FIRST} has no embedding of length 1"
NAME = "speakers[0].name must be text of 1 to 200 characters, not this"
SOURCE = "speakers[0].samples[0]"
ELSEWHERE = "send all of a person in one place"
NEEDS_SPEAKERS = 'return_voiceprints needs speakers: diarization, or channels "separate" or "auto"'

CASES = {
    # the list
    "speakers are a voiceprint": ({"audio_base64": CLIP, "speakers": ONE}, f"{LISTED} text"),
    "speakers are an object": ({"audio_base64": CLIP, "speakers": {"Анна": [ONE]}}, f"{LISTED} object"),
    "speakers are a number": ({"audio_base64": CLIP, "speakers": 7}, f"{LISTED} number"),
    "speakers are null": ({"audio_base64": CLIP, "speakers": None}, f"{LISTED} null"),
    "too many speakers": (speakers(*[{}] * 201), f"{LISTED} list"),
    "a speaker is a voiceprint": (speakers(ONE), f"speakers[0] {OBJECT} text"),
    "a speaker is a list": (speakers([ONE]), f"speakers[0] {OBJECT} list"),
    "a speaker is null": (speakers(anna(voiceprints=[ONE]), None), f"speakers[1] {OBJECT} null"),
    "another spelling of speakers": (
        {"audio_base64": CLIP, "speaker": [anna(voiceprints=[ONE])]},
        '"speaker" is not a field of the request; did you mean speakers?',
    ),
    "voiceprints of the request": (
        {"audio_base64": CLIP, "voiceprints": [ONE]},
        '"voiceprints" is not a field of the request; did you mean return_voiceprints?',
    ),
    # a speaker
    "nothing of a speaker": (speakers({}), "speakers[0].name is missing; speakers[0] needs voiceprints or samples"),
    "no name": (speakers({"voiceprints": [ONE]}), "speakers[0].name is missing"),
    "only a name": (speakers(anna()), "speakers[0] needs voiceprints or samples"),
    "empty lists": (speakers(anna(voiceprints=[], samples=[])), "speakers[0] needs voiceprints or samples"),
    "another spelling of a field": (
        speakers(anna(voiceprints=[ONE], sample=[SAMPLE])),
        "speakers[0].sample is not a field of a speaker; did you mean samples?",
    ),
    "an unknown field": (speakers(anna(voiceprints=[ONE], age=40)), "speakers[0].age is not a field of a speaker"),
    "a field that is a voiceprint": (
        speakers({"name": "Анна", "voiceprints": [ONE], TWO: 1}),
        'speakers[0]."voiceprint***" is not a field of a speaker',
    ),
    "audio in place of samples": (
        speakers({"name": "Анна", "audio_base64": CLIP}),
        "speakers[0].audio_base64 is not a field of a speaker; speakers[0] needs voiceprints or samples",
    ),
    # names
    "an empty name": (speakers({"name": " ", "voiceprints": [ONE]}), f"{NAME} text"),
    "a name that is null": (speakers({"name": None, "voiceprints": [ONE]}), f"{NAME} null"),
    "a name that is a number": (speakers({"name": 7, "voiceprints": [ONE]}), f"{NAME} number"),
    "a name that is a list": (speakers({"name": ["Анна"], "voiceprints": [ONE]}), f"{NAME} list"),
    "a long name": (speakers({"name": "А" * 201, "voiceprints": [ONE]}), f"{NAME} text"),
    "a name that is a voiceprint": (
        speakers({"name": ONE[:150], "voiceprints": [ONE]}), "speakers[0].name must be a name, not a voiceprint"
    ),
    "the name of strangers": (
        speakers({"name": "Unknown ", "voiceprints": [ONE]}),
        'speakers[0].name must not be "Unknown": strangers are called that',
    ),
    "the name of a speaker": (
        speakers({"name": "SPEAKER_01", "voiceprints": [ONE]}),
        'speakers[0].name must not be "SPEAKER_01": strangers are called that',
    ),
    "the name of a channel": (
        speakers({"name": "channel_0", "samples": [SAMPLE]}),
        'speakers[0].name must not be "channel_0": strangers are called that',
    ),
    "a name twice": (
        speakers(anna(voiceprints=[ONE]), {"name": " Анна ", "voiceprints": [TWO]}),
        f"speakers[1].name is that of speakers[0]; {ELSEWHERE}",
    ),
    "a name in speaker_samples too": (
        speakers(anna(voiceprints=[ONE]), speaker_samples=[{"name": "Анна", **SAMPLE}]),
        f"speakers[0].name is in speaker_samples too; {ELSEWHERE}",
    ),
    "a name in speaker_samples by its file": (
        speakers(anna(voiceprints=[ONE]), speaker_samples=[{"url": "https://host.example/%D0%90%D0%BD%D0%BD%D0%B0.wav"}]),
        f"speakers[0].name is in speaker_samples too; {ELSEWHERE}",
    ),
    "the name of a channel in speaker_samples": (
        speakers(speaker_samples=[{"name": "CHANNEL_1", **SAMPLE}]),
        'speaker_samples[0].name must not be "CHANNEL_1": strangers are called that',
    ),
    # voiceprints
    "a voiceprint in place of the list": (
        speakers(anna(voiceprints=ONE)), "speakers[0].voiceprints must be a list of voiceprints, not this text"
    ),
    "voiceprints by their names": (
        speakers(anna(voiceprints={"a": ONE})), "speakers[0].voiceprints must be a list of voiceprints, not this object"
    ),
    "voiceprints that are null": (
        speakers(anna(voiceprints=None)), "speakers[0].voiceprints must be a list of voiceprints, not this null"
    ),
    "a voiceprint that is null": (with_voiceprints(None), f"{FIRST} must be text, not this null"),
    "a voiceprint that is a number": (with_voiceprints(0.5), f"{FIRST} must be text, not this number"),
    "a voiceprint that is an embedding": (with_voiceprints([0.5] * 192), f"{FIRST} must be text, not this list"),
    "a voiceprint with a name": (with_voiceprints({"voiceprint": ONE}), f"{FIRST} must be text, not this object"),
    "a voiceprint of nothing": (with_voiceprints(""), f"{FIRST} is no voiceprint"),
    "a voiceprint that is a sample": (with_voiceprints(CLIP), f"{FIRST} is no voiceprint"),
    "a voiceprint without its beginning": (with_voiceprints(ONE[12:]), f"{FIRST} is no voiceprint"),
    "a voiceprint of a later version": (
        with_voiceprints(ONE.replace("voiceprint1_", "voiceprint2_")),
        f"{FIRST} is a voiceprint of a version that this worker does not know",
    ),
    "a beginning alone": (with_voiceprints("voiceprint1_"), DAMAGED),
    "a voiceprint cut off": (with_voiceprints(ONE[:-8]), DAMAGED),
    "a voiceprint with more after it": (with_voiceprints(f"{ONE}AAAA"), DAMAGED),
    "a voiceprint with another letter": (with_voiceprints(ONE[:500] + "ё" + ONE[501:]), DAMAGED),
    "a voiceprint with another bit": (with_voiceprints(ONE[:500] + ("A" if ONE[500] != "A" else "B") + ONE[501:]), DAMAGED),
    "a voiceprint in lines": (with_voiceprints(f"{ONE[:76]}\n{ONE[76:]}"), DAMAGED),
    "a voiceprint of no dimension": (with_voiceprints(packed([])), DAMAGED),
    "a voiceprint that claims too much": (with_voiceprints(packed(dimension=2**31)), DAMAGED),
    "a voiceprint of silence": (with_voiceprints(packed([0.0] * 8)), NO_EMBEDDING),
    "a voiceprint of NaN": (with_voiceprints(packed([np.nan] * 8)), NO_EMBEDDING),
    "a voiceprint of less than no time": (with_voiceprints(packed(seconds=-1.0)), NO_EMBEDDING),
    "a voiceprint of endless time": (with_voiceprints(packed(seconds=float("inf"))), NO_EMBEDDING),
    "a voiceprint with names that are no text": (with_voiceprints(packed(names=b"\xff\xfe")), DAMAGED),
    "a voiceprint that is too long": (
        with_voiceprints(f"voiceprint1_{'A' * 40_000}"),
        f"{FIRST} has 40012 letters, and no voiceprint has more than 32768",
    ),
    "too many voiceprints": (
        with_voiceprints(*[ONE] * 101), "speakers[0].voiceprints are 101, and at most 100 of a person are taken"
    ),
    "a voiceprint twice": (
        with_voiceprints(ONE, TWO, f"{ONE}\n"), "speakers[0].voiceprints[2] is the same as speakers[0].voiceprints[0]"
    ),
    "a voiceprint of two people": (
        speakers(anna(voiceprints=[ONE]), {"name": "Иван", "voiceprints": [ONE]}),
        "speakers[1].voiceprints[0] is the same as speakers[0].voiceprints[0]",
    ),
    "voiceprints of two revisions": (
        speakers(anna(voiceprints=[ONE]), {"name": "Иван", "voiceprints": [OTHER]}),
        "speakers: the voiceprints are of several models (demo-speaker-ecapa, revision aaaaaaaaaaaa and "
        "demo-speaker-ecapa, revision bbbbbbbbbbbb), and only those of one can be compared",
    ),
    "voiceprints of models without names": (
        with_voiceprints(some_text(4, model="../x\ny"), some_text(5, model=ONE[:150])),
        "speakers: the voiceprints are of several models (one without a proper name and voiceprint***, revision "
        "aaaaaaaaaaaa), and only those of one can be compared",
    ),
    # samples
    "samples that are text": (
        speakers(anna(samples="https://host.example/a.wav")),
        "speakers[0].samples must be a list of samples, not this text",
    ),
    "samples that are null": (speakers(anna(samples=None)), "speakers[0].samples must be a list of samples, not this null"),
    "a sample that is a URL": (
        with_samples("https://host.example/a.wav"), f"{SOURCE} must be an object with url or audio_base64, not this text"
    ),
    "a sample of nothing": (with_samples({}), f"{SOURCE} needs exactly one of url and audio_base64"),
    "a sample of null": (
        with_samples({"url": None, "audio_base64": None}), f"{SOURCE} needs exactly one of url and audio_base64"
    ),
    "a sample of both": (
        with_samples({"url": "https://host.example/a.wav", **SAMPLE}), f"{SOURCE} needs exactly one of url and audio_base64"
    ),
    "a sample with a name": (
        with_samples({"name": "Анна", **SAMPLE}), f"{SOURCE}.name is not a field here: the speaker has the name"
    ),
    "another spelling in a sample": (
        with_samples({"audiobase64": CLIP}),
        f"{SOURCE}.audiobase64 is not a field of a sample; did you mean audio_base64?; "
        f"{SOURCE} needs exactly one of url and audio_base64",
    ),
    "a URL that is a number": (with_samples({"url": 7}), f"{SOURCE}.url must be text, not this number"),
    "base64 that is a list": (with_samples({"audio_base64": [CLIP]}), f"{SOURCE}.audio_base64 must be text, not this list"),
    "a sample by ftp": (with_samples({"url": "ftp://host.example/a.wav"}), f"{SOURCE}.url must be an http(s) URL, not ftp:"),
    "a sample of this machine": (
        with_samples({"url": "/etc/passwd"}), f"{SOURCE}.url must be an http(s) URL, a data: URI or base64"
    ),
    "a sample with a password": (
        with_samples({"url": "https://anna:hunter22@host.example/a.wav"}),
        f"{SOURCE}.url must not carry a user name or a password in the URL",
    ),
    "a URL that is a voiceprint": (
        with_samples({"url": ONE}), f"{SOURCE} is a voiceprint, which belongs in voiceprints"
    ),
    "audio that is a voiceprint": (
        with_samples({"audio_base64": ONE}), f"{SOURCE} is a voiceprint, which belongs in voiceprints"
    ),
    "a data URI without base64": (
        with_samples({"url": "data:audio/wav,RIFF"}), f"{SOURCE}.url: a data: URI must look like data:audio/wav;base64,..."
    ),
    "an empty data URI": (with_samples({"url": "data:audio/wav;base64,"}), f"{SOURCE}.url is empty"),
    "broken base64": (with_samples({"audio_base64": "@@@"}), f"{SOURCE}.audio_base64 is not valid base64"),
    "empty base64": (with_samples({"audio_base64": " "}), f"{SOURCE}.audio_base64 is empty"),
    "too many samples": (
        with_samples(*[SAMPLE] * 201), "speakers and speaker_samples have 201 samples, and at most 200 are taken"
    ),
    "too many samples together": (
        speakers(anna(samples=[SAMPLE] * 101), speaker_samples=[{"name": "Иван", **SAMPLE}] * 100),
        "speakers and speaker_samples have 201 samples, and at most 200 are taken",
    ),
    # what is wanted of them
    "voiceprints that are wanted in words": (
        speakers(return_voiceprints="yes"), 'return_voiceprints must be true or false, not "yes"'
    ),
    "voiceprints wanted by a number": (speakers(return_voiceprints=1), "return_voiceprints must be true or false, not 1"),
    "voiceprints of an answer without speakers": (speakers(return_voiceprints=True), NEEDS_SPEAKERS),
    "verification of nobody": (
        speakers(speaker_verification=True), "speaker_verification needs speakers or speaker_samples"
    ),
    # several at once
    "four mistakes": (
        speakers({"nmae": "Анна"}, anna(voiceprints=[ONE[:-8], TWO]), return_voiceprints=True),
        "speakers[0].nmae is not a field of a speaker; did you mean name?; speakers[0].name is missing; "
        f"speakers[0] needs voiceprints or samples; speakers[1].voiceprints[0] is damaged or cut off; {NEEDS_SPEAKERS}",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def worker():
    return open_worker(Settings())


@pytest.mark.parametrize(("data", "sentence"), CASES.values(), ids=CASES.keys())
def test_a_client_gets_one_sentence_and_no_voiceprint(worker, monkeypatch, tmp_path, data, sentence):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    response = answer(worker, "job", data)

    assert response == {"error": sentence}
    for voiceprint in (ONE, TWO, OTHER):
        assert seen_of(voiceprint, json.dumps(response)) == []
    assert list(tmp_path.iterdir()) == []
    assert worker.models.loaded() == []


def test_there_are_sixty_mistakes():
    assert len(CASES) >= 60


def test_a_hundred_mistakes_are_cut_to_twenty(worker):
    error = answer(worker, "job", speakers(*[7] * 100))["error"]

    assert error.count("; ") == 20
    assert error.endswith("; and 80 more mistakes in speakers")


def test_all_voiceprints_together_have_a_limit():
    given = [{"name": f"Анна {number}", "voiceprints": [""] * 100} for number in range(11)]

    assert "speakers have 1100 voiceprints, and at most 1000 are taken" in mistake_of(speakers(*given))


def mistake_of(data):
    """The sentence about a request; it has nothing of a voiceprint even before it is masked for a client."""
    try:
        parse_request(data, ABILITIES)
    except BadInputError as error:
        said = str(error)
        assert said.strip()
        assert "\n" not in said
        assert "Traceback" not in said
        return said
    return ""


# --- what is right


def test_people_are_known_by_voiceprints_and_samples_together():
    request, _ = parse_request(
        speakers(
            anna(voiceprints=[ONE, f" {TWO}\n"], samples=[SAMPLE]),
            {"name": " Иван ", "samples": [{"url": "https://host.example/a.wav"}]},
            speaker_samples=[{"name": "Ира", **SAMPLE}, {"name": "Ира", **SAMPLE}],
        ),
        ABILITIES,
    )
    known = request.reference_voices

    assert [(one.name, len(one.voiceprints), len(one.samples)) for one in known] == [
        ("Анна", 2, 1), ("Иван", 0, 1), ("Ира", 0, 2),
    ]  # fmt: skip
    assert [sample.name for one in known for sample in one.samples] == ["Анна", "Иван", "Ира", "Ира"]
    assert known[0].voiceprints[1].speech_s == 12.5
    assert (known[0].voiceprints[1].embedding == some_voiceprint(2).embedding).all()
    assert known[1].samples[0].source.url == "https://host.example/a.wav"


def test_voiceprints_are_wanted_without_anybody_to_recognise():
    request, _ = parse_request(speakers(return_voiceprints=True, diarization=True), ABILITIES)

    assert (request.wants_verification, request.reference_voices) == (True, ())


def test_people_of_a_job_without_verification_are_not_looked_for():
    given = speakers(anna(voiceprints=[ONE]), speaker_verification=False)

    assert parse_request(given, ABILITIES)[0].reference_voices == ()
    assert not parse_request(given, ABILITIES)[0].wants_verification
    asked, _ = parse_request({**given, "return_voiceprints": True, "diarization": True}, ABILITIES)
    assert (asked.wants_verification, asked.reference_voices) == (True, ())


# --- by the thousand


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_voiceprint_is_refused_and_not_shown(seed):
    rng = random.Random(seed)
    content = bytearray(base64.urlsafe_b64decode(ONE.removeprefix("voiceprint1_") + "=="))
    for _ in range(200):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        damaged = [
            VOICEPRINT_PREFIX + base64.urlsafe_b64encode(changed).decode(),
            ONE[: rng.randrange(len(ONE))],
            ONE[rng.randrange(1, len(ONE)) :],
            ONE[: (at := rng.randrange(20, len(ONE)))] + chr(rng.randrange(1, 0xD7FF)) + ONE[at:],
        ]
        for text in damaged:
            said = mistake_of(with_voiceprints(text)) or accepted_unchanged(text)
            assert seen_of(ONE, said) == []


def accepted_unchanged(text):
    """A voiceprint that is taken is the one that was meant: only white space around it may differ."""
    assert (read_voiceprint(text.strip()).embedding == some_voiceprint(1).embedding).all()
    return ""


VOICEPRINTS = st.sampled_from(
    [ONE, TWO, OTHER, ONE[:-9], ONE[40:], f"x{ONE}", ONE[:60], "voiceprint1_", "voiceprint9_AA"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | VOICEPRINTS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "voiceprints", "samples", "url", "audio_base64", "voiceprint"]) | VOICEPRINTS,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(ANYTHING, ANYTHING, SCALARS, st.booleans())
def test_whatever_is_sent_as_speakers_is_taken_or_refused_in_one_sentence(people, samples, wants, in_list):
    data = {
        "audio_base64": CLIP,
        "speakers": [people, samples] if in_list else people,
        "speaker_samples": samples,
        "return_voiceprints": wants,
        "diarization": True,
    }
    with redaction.hidden(redaction.secrets_of(data)):
        said = mistake_of(data)
        for voiceprint in (ONE, TWO, OTHER):
            assert seen_of(voiceprint, said) == []
