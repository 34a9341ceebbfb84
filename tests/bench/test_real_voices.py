"""The recordings of real people in `bench/voices`, and what is made of them."""

import base64
import io
import json

import numpy as np
import pytest

from bench import real_sounds
from bench.real_conditions import CONDITIONS, UNTRANSCRIBED, WITHOUT_SPEECH, code_switched, dialogues, long_pauses, row
from bench.real_voices import OWN_FOLDER, active_frames, read_voices, speech_level
from bench.recordings import LEVEL, loudness, narrowed
from whisperx_worker import SAMPLE_RATE_HZ

MAX_BYTES = 10_000_000


@pytest.fixture(scope="module")
def voices():
    return read_voices()


@pytest.fixture(scope="module")
def made(voices):
    return {condition.name: condition.make(voices) for condition in CONDITIONS if condition.group != WITHOUT_SPEECH}


@pytest.fixture(scope="module")
def clean(made):
    return made["one sentence of each speaker in a row"][0]


def band_power(sound, low_hz, high_hz):
    """Share of a sound's power between two frequencies."""
    power = np.square(np.abs(np.fft.rfft(sound)))
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    return float(power[(hertz >= low_hz) & (hertz < high_hz)].sum() / power.sum())


# --- the folder


def test_the_folder_is_small_and_every_file_is_in_its_index(voices):
    files = {path for path in OWN_FOLDER.rglob("*") if path.is_file()}
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    indexed = {clip.path for clip in voices.clips} | {meeting.path for meeting in voices.meetings}
    assert {path.relative_to(OWN_FOLDER).as_posix() for path in files - indexed} == {
        "README.md",
        "ami/ami.rttm",
        "index.jsonl",
    }


def test_every_clip_may_be_passed_on_and_its_licence_is_in_the_notice(voices):
    assert {clip.licence for clip in voices.clips} == {"CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"}
    notice = (OWN_FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(licence in notice for licence in ("CC0 1.0", "CC BY 3.0", "CC BY 4.0"))


def test_the_clips_are_those_of_the_notice(voices):
    assert (len(voices.russian), len({clip.speaker for clip in voices.russian})) == (52, 27)
    assert (len(voices.prompts), len(voices.untranscribed), len(voices.meetings)) == (60, 12, 3)


def test_a_clip_is_as_long_as_its_index_tells(voices):
    lines = (OWN_FOLDER / "index.jsonl").read_text(encoding="utf-8").splitlines()
    for clip, line in zip(voices.clips, lines, strict=True):
        assert clip.duration_s == pytest.approx(json.loads(line)["seconds"], abs=0.06)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no folder of voices: it has no index\.jsonl"):
        read_voices(tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path": "a.flac"}, "line 1 of .* has no field 'text'"),
        (
            dict.fromkeys(("text", "language", "speaker", "licence", "kind", "source"), "x") | {"path": "a.flac"},
            "line 1 of .* names a.flac, which is not there",
        ),
    ],
)
def test_a_bad_line_of_an_index_is_refused(tmp_path, entry, message):
    (tmp_path / "index.jsonl").write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_voices(tmp_path)


def test_a_folder_without_russian_voices_makes_no_row(tmp_path):
    (tmp_path / "index.jsonl").write_text("", encoding="utf-8")
    empty = read_voices(tmp_path)
    assert [row(empty), dialogues(empty), long_pauses(empty), code_switched(empty)] == [[], [], [], []]


def test_speech_is_found_between_the_silent_edges_of_a_clip():
    sound = np.concatenate([np.zeros(8_000), np.sin(np.arange(16_000)), np.zeros(4_000)]).astype(np.float32)
    assert active_frames(sound).sum() == 50
    assert speech_level(sound) == pytest.approx(np.sqrt(0.5), rel=1e-3)


# --- what is made of it


def test_the_same_recording_is_made_every_time(voices, made):
    again = row(voices)[0]
    assert np.array_equal(again.sound, made["one sentence of each speaker in a row"][0].sound)


def test_the_conditions_have_names_of_their_own_and_words(made):
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
    assert all(made.values())
    for condition in CONDITIONS:
        if condition.group not in (UNTRANSCRIBED, WITHOUT_SPEECH):
            assert all(turn.text for recording in made[condition.name] for turn in recording.turns)


def test_turns_lie_in_time_order_inside_of_their_recording(made):
    for recording in (one for several in made.values() for one in several):
        assert all(turn.start < turn.end <= recording.duration_s for turn in recording.turns)
        starts = [turn.start for turn in recording.turns]
        assert starts == sorted(starts)


def test_speakers_of_a_dialogue_alternate_and_are_in_no_other_dialogue(made):
    people = [{turn.speaker for turn in one.turns} for one in made["dialogues of 2, 3 and 4 people"]]
    assert [len(each) for each in people] == [2, 3, 4]
    assert len(set.union(*people)) == 9
    assert [turn.speaker for turn in made["dialogues of 2, 3 and 4 people"][0].turns[:4]] == [
        "cv_spk006",
        "cv_spk007",
    ] * 2


def test_every_speaker_of_a_row_is_equally_loud(clean):
    for turn in clean.turns:
        stretch = clean.sound[round(turn.start * SAMPLE_RATE_HZ) : round(turn.end * SAMPLE_RATE_HZ)]
        assert 20 * np.log10(speech_level(stretch) / LEVEL) == pytest.approx(0.0, abs=2.0)


@pytest.mark.parametrize("kind", ["noise", "babble"])
@pytest.mark.parametrize("snr_db", [10, 5, 0])
def test_noise_is_as_far_below_speech_as_its_name_tells(made, clean, kind, snr_db):
    noise = made[f"the row, {kind}, {snr_db} dB below"][0].sound - clean.sound
    assert 20 * np.log10(LEVEL / loudness(noise)) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize(("name", "snr_db"), [("white noise", 10), ("pink noise", 5), ("music", 10), ("hum", 5)])
def test_another_sound_is_as_far_below_speech_as_its_name_tells(made, clean, name, snr_db):
    other = made[f"the row, {name}, {snr_db} dB below"][0].sound - clean.sound
    assert 20 * np.log10(LEVEL / loudness(other)) == pytest.approx(snr_db, abs=0.1)


def test_a_telephone_passes_nothing_outside_of_its_band(made, clean):
    line = made["the row, telephone, nothing outside of 300–3400 Hz"][0].sound
    assert band_power(clean.sound, 0, 290) > 0.1
    assert band_power(line, 0, 290) < 0.002  # what µ-law adds
    assert band_power(line, 3_410, 8_000) < 0.002


def test_a_loud_line_is_clipped_in_one_sample_of_forty(made, clean):
    loud = made["the row, the same telephone, 2.5 % clipped"][0].sound
    gain = 1 / np.quantile(np.abs(narrowed(clean.sound, real_sounds.STEEP_EDGES_HZ)), 0.975)
    assert 2 < gain < 30
    assert float(np.mean(np.abs(loud[::2]) > 0.95)) == pytest.approx(0.025, abs=0.004)


@pytest.mark.parametrize("softer_db", [30, 40])
def test_soft_speech_is_as_soft_as_its_name_tells(made, clean, softer_db):
    soft = made[f"the row, {softer_db} dB softer"][0].sound
    assert 20 * np.log10(loudness(clean.sound) / loudness(soft)) == pytest.approx(softer_db, abs=0.1)


def test_an_offset_is_a_tenth_of_full_scale(made, clean):
    assert made["the row, constant offset of 0.1"][0].sound.mean() - clean.sound.mean() == pytest.approx(0.1, abs=1e-4)


def test_only_the_loud_line_is_clipped(made):
    peaks = {name: max(np.abs(one.sound).max() for one in several) for name, several in made.items()}
    assert [name for name, peak in peaks.items() if peak > 0.9] == ["the row, the same telephone, 2.5 % clipped"]


def test_long_pauses_are_ten_to_forty_seconds_long(made):
    (recording,) = made["sentences with pauses of 10 to 40 s"]
    pauses = [after.start - before.end for before, after in zip(recording.turns, recording.turns[1:], strict=False)]
    assert 10 < min(pauses) < max(pauses) < 43


def test_prompts_are_files_at_8_khz(made):
    import soundfile

    recording = made["telephone prompts, 8 kHz"][0]
    info = soundfile.info(io.BytesIO(base64.b64decode(recording.flac_base64)))
    assert info.samplerate == 8_000
    assert info.duration == pytest.approx(recording.duration_s, abs=0.001)


# --- without speech


@pytest.mark.parametrize(
    "condition", [one for one in CONDITIONS if one.group == WITHOUT_SPEECH], ids=lambda one: one.name
)
def test_a_recording_without_speech_is_a_minute_without_turns(condition, voices):
    (recording,) = condition.make(voices)
    assert (recording.duration_s, recording.turns) == (60.0, ())
    assert np.abs(recording.sound).max() < 0.95


@pytest.mark.parametrize(
    ("make", "slope_db"), [(real_sounds.white, 0.0), (real_sounds.pink, -3.0), (real_sounds.brown, -6.0)]
)
def test_the_power_of_a_noise_falls_by_its_slope_for_each_octave(make, slope_db):
    noise = make(20.0, np.random.default_rng(0))
    low, high = band_power(noise, 990, 1_010), band_power(noise, 1_990, 2_010)
    assert 10 * np.log10(high / low) == pytest.approx(slope_db, abs=0.8)


def test_hum_has_the_mains_frequency_and_its_overtones_only():
    hum = real_sounds.hum(20.0, np.random.default_rng(0))
    assert sum(band_power(hum, 50 * order - 4, 50 * order + 4) for order in range(1, 13)) > 0.999
