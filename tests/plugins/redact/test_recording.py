"""The recording is silent where the text is masked, to the sample, and elsewhere as it was."""

import io

import numpy as np
import pytest

from whisperx_worker import PluginError, Result, Segment, Span, Transcript, Word
from whisperx_worker.results.speaker_assignment import assign_speakers
from whisperx_worker.testing import load_plugin, make_audio, make_diarization, make_job, run_chain, write_output
from whisperx_worker_plugins import redact
from whisperx_worker_plugins.redact.recording import masked_spans, silence

RATE_HZ = 16_000
AUDIO = make_audio(4.0)
WORDS = (
    Word("Вот:", 0.1, 0.4),
    Word("8", 0.5, 0.7),
    Word("916", 0.75, 1.2),
    Word("1234567.", 1.25, 2.0003),
    Word("Да", 2.5, 2.8),
)
SEGMENT = Segment(0.0, 3.0, "Вот: 8 916 1234567. Да", WORDS)


@pytest.fixture(scope="module")
def host():
    return load_plugin(redact, name="redact")


def recording(host, *segments, audio=AUDIO, diarization=None, **options):
    """Samples of the output, as integers of 16 bits."""
    job = make_job(host, plugins={"redact": options})
    transcript = run_chain(host, "post_align", Transcript(segments, "ru"), job)
    if diarization:
        transcript = assign_speakers(transcript, diarization)
    result = run_chain(host, "finalize", Result(transcript, 4.0), job)
    written = write_output(host, "redacted_flac", result, job, audio)
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(written), dtype="int16")
    assert rate == RATE_HZ
    return samples


def as_written(audio):
    """Samples of a recording of which nothing is masked, as FLAC has them."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, audio.samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return soundfile.read(io.BytesIO(file.getvalue()), dtype="int16")[0]


def changed_borders(samples, plain):
    """First and last sample that is another one than before."""
    (places,) = np.nonzero(samples != plain)
    return int(places[0]), int(places[-1])


def test_a_masked_number_is_silent_from_its_first_sample_to_its_last_and_all_else_is_as_it_was(host):
    samples, plain = recording(host, SEGMENT, padding_s=0.0), as_written(AUDIO)
    first, last = 8_000, round(2.0003 * RATE_HZ)
    assert not samples[first:last].any()
    assert np.array_equal(samples[:first], plain[:first])
    assert np.array_equal(samples[last:], plain[last:])
    assert len(samples) == len(plain)


def test_the_padding_is_silent_too_and_does_not_leave_the_recording(host):
    samples, plain = recording(host, SEGMENT, padding_s=0.25), as_written(AUDIO)
    first, last = 4_000, round(2.2503 * RATE_HZ)
    assert not samples[first:last].any()
    assert np.array_equal(samples[:first], plain[:first])
    assert np.array_equal(samples[last:], plain[last:])
    short = Segment(0.0, 4.0, "89161234567", (Word("89161234567", 0.1, 3.9),))
    assert not recording(host, short, padding_s=2.0).any()


@pytest.mark.parametrize(
    "segment",
    [
        Segment(1.0, 3.0, "Вот: 8 916 1234567. Да"),
        Segment(1.0, 3.0, "Вот: 8 916 1234567. Да", (Word("Вот:", 1.0, 1.2), Word("8"), Word("916"), Word("1234567.", 1.5, 2.0), Word("Да", 2.5, 2.8))),
    ],
    ids=["no words", "words without times"],
)  # fmt: skip
def test_the_whole_segment_is_silent_where_the_times_are_not_known(host, segment):
    samples, plain = recording(host, segment, padding_s=0.0), as_written(AUDIO)
    assert not samples[16_000:48_000].any()
    assert np.array_equal(samples[:16_000], plain[:16_000])
    assert np.array_equal(samples[48_000:], plain[48_000:])


def test_a_bleep_is_a_sine_of_one_kilohertz(host):
    samples = recording(host, SEGMENT, padding_s=0.0, sound="bleep")[8_000:24_000] / 32_768
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) == 1_000
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.1 / np.sqrt(2), rel=1e-3)


def test_marks_stay_where_the_speaker_changes(host):
    diarization = make_diarization((0.0, 2.2, "A"), (2.2, 3.0, "B"))
    samples = recording(host, SEGMENT, diarization=diarization, padding_s=0.0)
    assert not samples[8_000 : round(2.0003 * RATE_HZ)].any()


def test_a_recording_of_which_nothing_is_masked_stays(host):
    assert np.array_equal(recording(host, Segment(0.0, 1.0, "Алло")), as_written(AUDIO))


def test_a_job_that_does_without_the_plugin_gets_no_recording(host):
    with pytest.raises(PluginError, match=r"^nothing is masked in this job; name the plugin"):
        write_output(host, "redacted_flac", Result(Transcript((SEGMENT,), "ru"), 4.0), make_job(host), AUDIO)


def test_overlapping_stretches_are_one():
    words = tuple(
        Word("x", start, start + 1.0, extra={"redact": {"masked": [{"kind": "name", "number": 0}]}})
        for start in (0.0, 0.5, 3.0)
    )
    assert masked_spans([Segment(0.0, 4.0, "xxx", words)], 0.0) == [Span(0.0, 1.5), Span(3.0, 4.0)]


def test_a_stretch_behind_the_end_changes_nothing():
    samples = np.ones(10, np.float32)
    assert np.array_equal(silence(samples, [Span(1.0, 2.0)], bleeps=True), samples)
    assert silence(samples, [], bleeps=False) is not samples
