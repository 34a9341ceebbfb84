"""What is wrong with recordings, references and results is one sentence, before any model is loaded."""

import json
import sys

import pytest

from tests.cli.test_cli import run
from tests.clips import wav

SOUND = wav(seconds=0.2)
GOOD = {"a.wav": SOUND, "a.txt": "раз два"}
RESULT = json.dumps({"segments": [{"start": 0.0, "end": 1.0, "text": "раз два"}], "detected_language": "ru"})
TURNS = "".join(f"SPEAKER {name} 1 0.0 1.0 <NA> <NA> Анна <NA> <NA>\n" for name in "ab")
LATIN = "чёрный".encode("cp1251")
BESIDE = "a with .json, .txt, .stm, .srt, .ctm, or .rttm, or --refs"

CASES = {
    "no such folder": ({}, ["calls"], "calls is not there"),
    "no such references": (GOOD, [".", "--refs", "truth", "--refs", "t.stm"], "truth is not there; t.stm is not there"),
    "an empty folder": ({}, ["."], ". has no recording with a reference"),
    "no references at all": ({"a.wav": SOUND}, ["."], f"a.wav has no reference: {BESIDE}"),
    "no references at all, beside results": (
        {"a.wav": SOUND, "out/a.json": RESULT},
        [".", "--results", "out"],
        f"a.wav has no reference: {BESIDE}",
    ),
    "an empty folder of references": (
        {"a.wav": SOUND, "truth/a.docx": "раз"},
        [".", "--refs", "truth"],
        "truth has no references; a with .json, .txt, .stm, .srt, .ctm, or .rttm is looked for",
    ),
    "references of other recordings": (
        {"a.wav": SOUND, "truth/b.txt": "раз"},
        [".", "--refs", "truth"],
        "a.wav has no reference in truth; a is looked for; b has a reference but no recording",
    ),
    "a recording without a reference": (
        {**GOOD, "b.mp3": SOUND},
        ["."],
        "b.mp3 has no reference: b with .json, .txt, .stm, .srt, .ctm, or .rttm, or --refs",
    ),
    "a reference without a recording": ({**GOOD, "b.txt": "три"}, ["."], "b has a reference but no recording"),
    "a reference in a recording's place": (
        GOOD,
        ["a.txt"],
        "a.txt is a reference; name its recording, the folder of both, or a .jsonl manifest",
    ),
    "two recordings of one name": ({**GOOD, "a.mp3": SOUND}, ["."], "a.mp3 and a.wav have one name, a"),
    "one recording under two names": (
        {
            "a.wav": SOUND,
            "m.jsonl": '{"audio": "a.wav", "id": "x", "text": "раз"}\n{"audio": "./a.wav", "id": "y", "text": "два"}\n',
        },
        ["m.jsonl"],
        "x and y are one recording, a.wav; keep one of them",
    ),
    "two texts of one recording": (
        {**GOOD, "a.json": '{"text": "раз"}'},
        ["."],
        "a has two references with texts; keep one of them",
    ),
    "a text in another encoding": ({"a.wav": SOUND, "a.txt": LATIN}, ["."], "a.txt is not in UTF-8"),
    "a line of STM that is too short": (
        {"a.wav": SOUND, "a.stm": ";; comment\na 1 Анна 0.0 1.0 раз\na 1 Анна\n"},
        ["."],
        'a.stm:3: a line of STM is `recording channel speaker start end text`, not 3 fields "a 1 Анна"',
    ),
    "an STM end before its start": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна 2.0 1.0 раз\n"},
        ["."],
        "a.stm:1: the end must be after the start, but 1 is not after 2",
    ),
    "a negative time": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна -0.5 1.0 раз\n"},
        ["."],
        'a.stm:1: start must be seconds from 0, not "-0.5"',
    ),
    "a time that is no number": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна 0.0 nan раз\na 1 Анна 0:01 2 два\n"},
        ["."],
        'a.stm:1: end must be seconds from 0, not "nan"; a.stm:2: start must be seconds from 0, not "0:01"',
    ),
    "a time in milliseconds": (
        {"a.wav": SOUND, "a.ctm": "a 1 400000 200 раз\n"},
        ["."],
        "a.ctm:1: a time must be seconds up to 360000, not 400000",
    ),
    "times of a longer recording": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна 0 0.2 раз\na 1 Анна 40 60.5 два\na 1 Анна 30 40 три\n"},
        ["."],
        "a.stm:2: the end, 60.5, is past the end of the recording, which has 0.2 s",
    ),
    "an STM without lines": (
        {"a.wav": SOUND, "a.stm": ";; comment\n"},
        ["."],
        "a.stm has neither words nor turns; the reference of a recording without speech is an empty .txt",
    ),
    "an STM without texts": (
        {"a.wav": SOUND, "a.stm": ";; comment\na 1 Анна 0 0.1\n"},
        ["."],
        "a.stm:2 has neither words nor turns; the reference of a recording without speech is an empty .txt",
    ),
    "an STM without lines for all recordings": (
        {"a.wav": SOUND, "all.stm": ";; comment\n"},
        [".", "--refs", "all.stm"],
        "all.stm has no line with a recording",
    ),
    "an STM that names two recordings at once": (
        {"x/a.wav": SOUND, "y/a.wav": SOUND, "all.stm": "a 1 Анна 0 0.1 раз\n"},
        [".", "--refs", "all.stm"],
        "all.stm:1: a may be x/a or y/a; write its folder too",
    ),
    "alternatives in braces": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна 0 1 { раз / два }\n"},
        ["."],
        'a.stm:1: alternatives in braces and IGNORE_TIME_SEGMENT_IN_SCORING cannot be compared: "{ раз / два }"; '
        'give several texts as "texts" of a manifest',
    ),
    "several recordings beside one": (
        {"a.wav": SOUND, "a.stm": "a 1 Анна 0 1 раз\nb 1 Анна 0 1 два\n"},
        ["."],
        "a.stm has several recordings (a, b); give it with --refs",
    ),
    "a line that is no RTTM": (
        {**GOOD, "a.rttm": "SPEAKER a 1 0.0 1.0 <NA> <NA> Анна <NA> <NA>\nвсё хорошо\n"},
        ["."],
        "a.rttm:2: a line of RTTM is `SPEAKER recording channel start duration <NA> <NA> speaker <NA> <NA>`, "
        'not "всё хорошо"',
    ),
    "a turn without length": (
        {**GOOD, "a.rttm": "SPEAKER a 1 2.0 0.0 <NA> <NA> Анна <NA> <NA>\n"},
        ["."],
        "a.rttm:1: the end must be after the start, but 2 is not after 2",
    ),
    "RTTM of an unknown recording": (
        {**GOOD, "truth/all.rttm": "SPEAKER b 1 0.0 1.0 <NA> <NA> Анна <NA> <NA>\n"},
        [".", "--refs", ".", "--refs", "truth/all.rttm"],
        "all.rttm:1: there is no recording b; truth/all has a reference but no recording",
    ),
    "a CTM line without a word": (
        {"a.wav": SOUND, "a.ctm": "a 1 0.1 0.2\n"},
        ["."],
        'a.ctm:1: a line of CTM is `recording channel start duration word`, not 4 fields "a 1 0.1 0.2"',
    ),
    "subtitles with a broken time": (
        {"a.wav": SOUND, "a.srt": "1\n00:00:00,000 --> 00:00:01,000\nраз\n\n2\n00:00:01 -> 00:00:02\nдва\n"},
        ["."],
        'a.srt:5: a cue has times like 00:00:01,500 --> 00:00:03,000, not "00:00:01 -> 00:00:02"',
    ),
    "subtitles with a negative time": (
        {"a.wav": SOUND, "a.srt": "1\n-00:00:01,000 --> 00:00:00,100\nраз\n"},
        ["."],
        'a.srt:1: a cue has times like 00:00:01,500 --> 00:00:03,000, not "-00:00:01,000 --> 00:00:00,100"',
    ),
    "subtitles longer than any recording": (
        {"a.wav": SOUND, "a.srt": "00:00:01,000 --> 1000:00:00,000\nраз\n"},
        ["."],
        "a.srt:1: a time must be seconds up to 360000, not 3600000",
    ),
    "references of another kind": (
        {"a.wav": SOUND, "truth.docx": "раз"},
        [".", "--refs", "truth.docx"],
        "--refs must be a folder or a file that ends in .stm, .ctm, .rttm, .jsonl, not truth.docx",
    ),
    "a manifest that is no JSON": (
        {"m.jsonl": '{"audio": \n'},
        ["m.jsonl"],
        "m.jsonl:1: this is no JSON (Expecting value: line 1 column 11 (char 10))",
    ),
    "an empty manifest": ({"m.jsonl": "\n"}, ["m.jsonl"], "m.jsonl has no line with a recording"),
    "a manifest of lists": ({"m.jsonl": "[1]"}, ["m.jsonl"], "m.jsonl:1: a JSON object is needed, not [1]"),
    "a manifest with other mistakes, all at once": (
        {
            "m.jsonl": '{"audio": "b.wav", "text": "раз"}\n'
            '{"audio": "a.wav"}\n'
            '{"audio": "a.wav", "text": "раз", "texts": ["два"]}\n'
            '{"audio": "a.wav", "txt": "раз", "segments": [{"start": NaN, "end": 1.0, "text": "раз"}]}\n'
            '{"text": "раз"}\n',
            **GOOD,
        },
        ["m.jsonl"],
        "m.jsonl:2: there is no reference: text, texts, segments, turns or words; "
        "m.jsonl:3: text and texts are both there; send one of them; "
        "m.jsonl:4: segments[0].start: input should be a finite number, not NaN; "
        "m.jsonl:4: txt is not a field of a manifest; "
        "m.jsonl:1: there is no file b.wav; "
        "m.jsonl:5: id or audio is needed",
    ),
    "a segment that ends before its start": (
        {"m.jsonl": '{"audio": "a.wav", "segments": [{"start": 2.0, "end": 1.0, "text": "раз"}]}', **GOOD},
        ["m.jsonl"],
        "m.jsonl:1: segments[0]: the end must not be before the start, but 1 is before 2",
    ),
    "a manifest with impossible times": (
        {
            "m.jsonl": '{"id": "a", "text": "раз", "duration_s": 1e9}\n'
            '{"id": "b", "duration_s": 5, "words": [{"word": "раз", "start": 0, "end": 16}]}\n'
            '{"id": "c", "turns": [{"speaker": "Анна", "start": -1, "end": 1}]}\n',
        },
        ["m.jsonl", "--results", "."],
        "m.jsonl:1: duration_s: a time must be seconds up to 360000, not 1000000000; "
        "m.jsonl:3: turns[0].start: input should be greater than or equal to 0, not -1; "
        "m.jsonl:2: the end, 16, is past the end of the recording, which has 5 s",
    ),
    "turns that are and are not the segments": (
        {
            "m.jsonl": '{"id": "a", "turns": [{"speaker": "Анна", "start": 0, "end": 1, "text": "раз"}], '
            '"segments": [{"start": 0, "end": 1, "text": "два"}]}\n'
            '{"id": "b", "turns": [{"speaker": "Анна", "start": 0, "end": 1, "text": "раз"}, '
            '{"speaker": "Иван", "start": 1, "end": 2}]}\n'
            '{"id": "c", "turns": [{"speaker": "", "start": 0, "end": 1}]}\n',
        },
        ["m.jsonl", "--results", "."],
        "m.jsonl:1: segments and turns with text are both there; send one of them; "
        "m.jsonl:2: turns[1].text is missing, which other turns have; "
        'm.jsonl:3: turns[0].speaker: string should have at least 1 character, not ""',
    ),
    "a key twice in a manifest": (
        {"a.wav": SOUND, "m.jsonl": '{"audio": "a.wav", "text": "раз", "text": "два"}'},
        ["m.jsonl"],
        'm.jsonl:1: "text" is there twice in one object; keep one of them',
    ),
    "a language that Whisper does not know": (
        {"a.wav": SOUND, "m.jsonl": '{"audio": "a.wav", "text": "раз", "language": "qq"}'},
        ["m.jsonl"],
        'm.jsonl:1: language: must be one of Whisper\'s language codes, such as "ru" or "en", not "qq"',
    ),
    "an id outside of the results": (
        {"m.jsonl": '{"id": "../a", "text": "раз"}', "out/a.json": RESULT},
        ["m.jsonl", "--results", "out"],
        'm.jsonl:1: id: must be a name such as monday or calls/monday, not "../a"',
    ),
    "a recording twice in a manifest": (
        {"m.jsonl": '{"audio": "a.wav", "text": "раз"}\n{"audio": "a.wav", "text": "два"}\n', **GOOD},
        ["m.jsonl"],
        "m.jsonl:2: the recording a is there twice; give others an id",
    ),
    "a recording from elsewhere": (
        {"m.jsonl": '{"audio": "https://example.org/a.wav?token=s3cr3t", "text": "раз"}'},
        ["m.jsonl"],
        "m.jsonl:1: audio must be a file on this machine, not a URL",
    ),
    "a manifest with references elsewhere": (
        {"m.jsonl": '{"audio": "a.wav", "text": "раз"}', **GOOD},
        ["m.jsonl", "--refs", "."],
        "m.jsonl has its references, so --refs is not needed",
    ),
    "a result as its own reference": (
        {"a.wav": SOUND, "a.json": RESULT},
        ["."],
        "a.json: this is a result of a transcription, not a reference",
    ),
    "no results": (GOOD, [".", "--results", "out"], "out is not a folder of results in JSON"),
    "results of other recordings": (
        {**GOOD, "out/b.json": RESULT},
        [".", "--results", "out"],
        "out has no result of any recording; a.json is looked for",
    ),
    "one result for two recordings": (
        {"x/a.txt": "раз", "y/a.txt": "два", "out/a.json": RESULT},
        [".", "--results", "out"],
        "a.json would be the result of x/a and y/a; x/a.json and y/a.json are looked for first",
    ),
    "results among the references": (
        {**GOOD, "a.json": RESULT},
        [".", "--results", "."],
        ". has references or recordings; results and the report need a folder of their own",
    ),
    "a result that is no JSON": (
        {**GOOD, "out/a.json": "{"},
        [".", "--results", "out"],
        "a.json: this is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
    ),
    "a result that is something else": (
        {**GOOD, "out/a.json": '{"text": "раз"}'},
        [".", "--results", "out"],
        "a.json: this is no result: a JSON object with segments or error is needed",
    ),
    "a result with a broken segment": (
        {**GOOD, "out/a.json": '{"segments": [{"start": 0.0, "end": "1", "text": "раз"}]}'},
        [".", "--results", "out"],
        'a.json: segments[0].end: input should be a valid number, not "1"',
    ),
    "a result that ends before its start": (
        {**GOOD, "out/a.json": '{"segments": [{"start": 2.0, "end": 1.0, "text": "раз"}]}'},
        [".", "--results", "out"],
        "a.json: segments[0]: the end must not be before the start, but 1 is before 2",
    ),
    "a result with a similarity that is no number": (
        {**GOOD, "out/a.json": '{"segments": [], "speakers": [{"speaker": "A", "similarity": NaN}]}'},
        [".", "--results", "out"],
        "a.json: speakers[0].similarity: input should be a finite number, not NaN",
    ),
    "a key twice in a result": (
        {**GOOD, "out/a.json": '{"segments": [{"start": 0.0, "end": 1.0, "text": "раз", "text": "два"}]}'},
        [".", "--results", "out"],
        'a.json: "text" is there twice in one object; keep one of them',
    ),
    "turns of several recordings beside a result": (
        {**GOOD, "out/a.json": RESULT, "out/a.rttm": TURNS},
        [".", "--results", "out"],
        "a.json: its RTTM has several recordings (a, b)",
    ),
    "options without effect": (
        {**GOOD, "out/a.json": RESULT},
        [".", "--results", "out", "--beam-size", "1"],
        "--results are measured as they are, so --beam-size has no effect",
    ),
    "a comparison with nothing": (
        {**GOOD, "out/a.json": RESULT},
        [".", "--results", "out", "--compare", "other"],
        "--compare must be a folder of results or options of transcribe such as '--beam-size 1', not 'other'",
    ),
    "options that end within a quote": (
        {**GOOD, "out/a.json": RESULT},
        [".", "--results", "out", "--compare", "--prompt 'раз"],
        'options cannot be read: No closing quotation in "--prompt \'раз"',
    ),
    "options that transcribe refuses, of both configurations": (
        GOOD,
        [".", "--beam-size", "0", "--compare", "--batch-size 0"],
        "beam_size must be a whole number from 1 to 100, not 0; batch_size must be a whole number from 1 to 1024, not 0; beam_size must be a whole number from 1 to 100, not 0",
    ),
    "a report in a file's place": (
        {**GOOD, "out/a.json": RESULT, "report": "x"},
        [".", "--results", "out", "-o", "report"],
        "report cannot be a folder for the report: File exists",
    ),
}


def make_files(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", CASES)
def test_a_bad_input_is_one_sentence(tmp_path, monkeypatch, case):
    files, arguments, sentence = CASES[case]
    make_files(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)

    done = run("evaluate", *arguments)

    assert done.stderr == f"whisperx-worker: {sentence}\n"
    assert (done.returncode, done.stdout, listing(tmp_path)) == (1, "", before)


def test_there_are_thirty_of_them():
    assert len(CASES) >= 30


def test_of_many_mistakes_the_first_twenty_are_named(tmp_path):
    make_files(tmp_path, {"a.wav": SOUND, "a.stm": "a 1 Анна\n" * 25})
    done = run("evaluate", str(tmp_path))
    assert done.stderr.count("a line of STM") == 20
    assert done.stderr.endswith("; and 5 more mistakes\n")


def test_a_missing_library_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch):
    make_files(tmp_path, {**GOOD, "a.rttm": "SPEAKER a 1 0.0 1.0 <NA> <NA> Анна <NA> <NA>\n"})
    for name in ("jiwer", "meeteval", "pyannote.metrics"):
        monkeypatch.setitem(sys.modules, name, None)
    done = run("evaluate", str(tmp_path))
    assert done.stderr == (
        "whisperx-worker: `evaluate` needs jiwer and meeteval and pyannote.metrics: "
        "`pip install '.[evaluate]'` brings what it measures with\n"
    )
