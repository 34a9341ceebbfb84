import io
import zipfile

import pytest

import speaker_texts
from whisperx_worker import BadInputError, Result, Segment, Transcript
from whisperx_worker.testing import load_plugin, make_job, write_output

RESULT = Result(
    Transcript(
        (
            Segment(0.0, 1.0, " Алло.", speaker="SPEAKER_00", speaker_id="Анна", similarity=0.8),
            Segment(61.0, 62.0, "Да?", speaker="SPEAKER_01", speaker_id="unknown", similarity=0.1),
            Segment(62.5, 64.0, "Это я.", speaker="SPEAKER_00", speaker_id="Анна", similarity=0.8),
            Segment(64.0, 65.0, "Пип."),
        ),
        "ru",
    ),
    65.0,
)


@pytest.fixture(scope="module")
def host():
    return load_plugin(speaker_texts, name="speaker_texts")


def zipped(host, result=RESULT, **options):
    return write_output(host, "speaker_texts", result, make_job(host, plugins={"speaker_texts": options}))


def texts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_each_speaker_has_a_text_of_all_their_lines(host):
    assert texts(zipped(host)) == {
        "Анна.txt": "Алло.\nЭто я.\n",
        "SPEAKER_01.txt": "Да?\n",
        "unknown.txt": "Пип.\n",
    }


def test_lines_have_times_where_the_job_wants_them(host):
    assert texts(zipped(host, times=True))["Анна.txt"] == "00:00 Алло.\n01:02 Это я.\n"


@pytest.mark.parametrize("name", ["../../etc/cron", "a\\b", "C:", "имя\n"])
def test_a_name_cannot_become_a_path(host, name):
    (file,) = texts(zipped(host, Result(Transcript((Segment(0.0, 1.0, "Да.", speaker_id=name),), "ru"), 1.0)))
    assert not set(file) & set("/\\:\n")
    assert file.count(".") == 1


def test_the_same_result_is_the_same_zip(host):
    assert zipped(host) == zipped(host)


def test_a_recording_without_speech_is_an_empty_zip(host):
    assert texts(zipped(host, Result(Transcript((), None), 1.0))) == {}


def test_an_option_that_is_not_there_is_refused(host):
    with pytest.raises(BadInputError, match="speaker_texts has no option"):
        zipped(host, time=True)
