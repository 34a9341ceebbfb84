import html.parser
import json
import re

import pytest

from whisperx_worker.evaluate.evaluation import compare, evaluate
from whisperx_worker.evaluate.hypothesis import Hypothesis
from whisperx_worker.evaluate.normaliser import RULES
from whisperx_worker.evaluate.reference import Reference
from whisperx_worker.evaluate.report_html import report_html
from whisperx_worker.evaluate.report_json import report_json
from whisperx_worker.evaluate.report_text import report_text
from whisperx_worker.types import Segment

EVIL = '"><script>alert(1)</script>'


def text(words):
    return Hypothesis((Segment(0.0, 1.0, words),))


def evaluation(title, results):
    references = [Reference(name, texts=("раз два три",)) for name in results]
    return evaluate(title, references, results)


@pytest.fixture(scope="module")
def first():
    failed = Hypothesis(failure=f"the audio is empty {EVIL}")
    return evaluation("A", {"good": text("раз два три"), f"bad {EVIL}": text("раз дом три четыре"), "failed": failed})


@pytest.fixture(scope="module")
def second():
    return evaluation("B", {"good": text("раз два"), f"bad {EVIL}": text("раз"), "failed": text("раз два три")})


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_the_table(first):
    assert (
        report_text([first])
        == f"""\
A: 3 recordings, 9 words of reference; 1 recording failed and counted as all wrong

measure        value  95 % interval  errors  of  recordings
WER            55.6%  0.0 … 100.0    5       9   3
– substituted  11.1%  0.0 … 33.3     1       9   3
– deleted      33.3%  0.0 … 100.0    3       9   3
– inserted     11.1%  0.0 … 33.3     1       9   3
CER            60.6%  0.0 … 100.0    20      33  3

worst recordings                 WER
failed                           100.0%  the audio is empty {EVIL}
bad {EVIL}  66.7%

before words are compared, on both sides:
- {RULES[0]}
- {RULES[1]}
- {RULES[2]}
- {RULES[3]}
- {RULES[4]}
intervals: 5 000 bootstrap samples of recordings, percentiles; none for one recording
"""
    )


def test_the_table_of_a_comparison(first, second):
    shown = report_text([first, second], compare(first, second))
    assert [re.split("  +", line) for line in shown.split("\n\n")[6].splitlines()[:2]] == [
        ["B less A", "difference", "95 % interval", "paired test"],
        ["WER", "-22.2 pp", "-100.0 … 33.3", "no difference shown"],
    ]


def test_the_json_has_every_sum(first, second):
    report = json.loads(report_json([first, second], compare(first, second), {"jiwer": "4.0.0"}))
    assert report["method"]["normaliser"] == list(RULES)
    assert (report["method"]["seed"], report["method"]["versions"]) == (0, {"jiwer": "4.0.0"})
    ours, theirs = report["configurations"]
    assert (ours["title"], ours["failed"], theirs["failed"]) == ("A", 1, 0)
    assert ours["measures"][0] == {
        "measure": "wer", "title": "WER", "unit": "%", "value": 55.555556, "interval": [0.0, 100.0],
        "errors": 5, "of": 9, "recordings": 3,
    }  # fmt: skip
    assert ours["recordings"][0] == {
        "name": "failed",
        "sums": {key: {"errors": n, "total": of} for key, n, of in (
            ("wer", 3, 3), ("substituted", 0, 3), ("deleted", 3, 3), ("inserted", 0, 3), ("cer", 11, 11),
        )},
        "failure": f"the audio is empty {EVIL}",
    }  # fmt: skip
    assert report["differences"][0]["verdict"] == "no difference shown"


def test_the_page_is_escaped_and_loads_nothing(first, second):
    page = report_html([first, second], compare(first, second))
    parsed = Page(page)
    assert {"script", "link", "img", "iframe"} & set(parsed.tags) == set()
    assert [value for name, value in parsed.attributes if name in {"src", "href"} or name.startswith("on")] == []
    assert "default-src 'none'" in page
    assert f"bad {EVIL}" in parsed.text
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_has_the_worst_first_and_marks_that_need_no_colour(first):
    page = report_html([first])
    names = [line for line in page.splitlines() if line.startswith("<summary>")]
    assert [line.partition(" – ")[0] for line in names] == [
        "<summary>failed", "<summary>bad &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "<summary>good",
    ]  # fmt: skip
    assert (
        '<p class="words">раз <span class="s" title="substituted"><del>два</del>→<ins>дом</ins></span> три '
        '<ins title="inserted">+четыре</ins></p>'
    ) in page
    assert '<del title="deleted">−раз</del> <del title="deleted">−два</del>' in page
    assert '<p class="failure">failed: the audio is empty' in page
    assert page.count("<details open>") == 2
    assert "WER 66.7% (1 S, 0 D, 1 I of 3)" in page


def test_what_an_escaped_transcript_looks_like():
    page = report_html([evaluation("A", {"a": text("раз <script> & два")})])
    assert "<script" not in page
    assert '<ins title="inserted">+script</ins>' in page


def of_nothing(title, **results):
    return evaluate(title, [Reference(name, texts=("…",)) for name in results], results)


def test_errors_of_no_words_have_no_value():
    measured = of_nothing("A", a=text("раз два"), b=Hypothesis(failure="the file is empty"))
    lines = report_text([measured]).splitlines()
    assert lines[0] == (
        "A: 2 recordings, 0 words of reference; 1 recording failed and counted as all wrong; "
        "2 references without words, so every word of the result is inserted, and WER is undefined"
    )
    assert [re.split("  +", line) for line in lines[3:6]] == [
        ["WER", "undefined", "–", "2", "0", "2"],
        ["– inserted", "undefined", "–", "2", "0", "2"],
        ["CER", "undefined", "–", "7", "0", "2"],
    ]
    assert [re.split("  +", line) for line in lines[8:10]] == [
        ["b", "undefined", "the file is empty"],
        ["a", "undefined"],
    ]
    (configuration,) = json.loads(report_json([measured], (), {}))["configurations"]
    assert configuration["measures"][0]["value"] is None


def test_no_words_and_none_found_is_no_row_of_zero():
    lines = report_text([of_nothing("A", a=Hypothesis())]).splitlines()
    assert [re.split("  +", line) for line in lines[3:5]] == [["WER", "undefined", "–", "0", "0", "1"], [""]]


def test_without_a_value_there_is_no_paired_test():
    both = [of_nothing(title, a=text("раз")) for title in "AB"]
    sentence = "no paired test: both have no measure with a value"
    assert sentence in report_text(both, compare(*both)).splitlines()
    assert f"<p>{sentence}</p>" in report_html(both, compare(*both))
