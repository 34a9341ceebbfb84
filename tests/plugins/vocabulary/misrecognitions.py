"""Cases of misread terms, from the text files beside this one, and ordinary text without any term."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from whisperx_worker import Segment, Transcript
from whisperx_worker.testing import load_plugin, make_job, run_chain
from whisperx_worker_plugins import vocabulary

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CORPORA = ROOT / "tests" / "corpora"
UNSURE = -0.3
"""Mean log-probability where a text has none: what Whisper base has on real voices."""
OTHER_TERMS = (
    "Ozon", "Авито", "Сбербанк", "ВТБ", "МТС", "Мегафон", "Билайн", "Теле2", "Лукойл", "Росатом", "Пятёрочка", "Магнит",
    "Перекрёсток", "Лента", "Ашан", "Икея", "Эльдорадо", "Спортмастер", "Декатлон", "Детский мир", "Docker", "Redis",
    "Kafka", "Excel", "Outlook", "Python", "Анастасия", "Кузнецов", "Смирнова", "Хабаровск", "Ковалёв", "Тюмень",
    "Ялта", "CRM", "API", "1С", "SAP", "Виагра", "Терафлю",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A text as it should be, and as it was read."""

    number: int
    term: dict[str, object]
    right: str
    misread: str
    avg_logprob: float


def read_cases(name: str) -> list[Case]:
    """Return the cases of a file, numbered from 1."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    rows = [[part.strip() for part in line.split("|")] for line in lines if line and not line.startswith("#")]
    return [
        Case(number, read_term(term), right, misread, float(score[0]) if score else UNSURE)
        for number, (term, right, misread, *score) in enumerate(rows, 1)
    ]


def read_term(text: str) -> dict[str, object]:
    """Return a term as a job sends it, from "term" or "term = spoken form"."""
    name, _, spoken = (part.strip() for part in text.partition("="))
    return {"term": name, "sounds_like": [spoken] if spoken else []}


def terms_of(cases: list[Case]) -> list[dict[str, object]]:
    """Return the terms of all cases, each once."""
    return list({case.term["term"]: case.term for case in cases}.values())


def with_terms(segments: list[Segment], terms: list) -> list[str]:
    """Return the texts of segments after the plugin has put the terms in."""
    host = load_plugin(vocabulary, name="vocabulary")
    job = make_job(host, plugins={"vocabulary": {"terms": terms}})
    changed = run_chain(host, "post_align", Transcript(tuple(segments), "ru"), job)
    assert job.warnings == ()
    return [segment.text for segment in changed.segments]


def ordinary_segments() -> list[Segment]:
    """Return Russian text: what people say, what Whisper base read in it, and documentation without the examples."""
    real = (CORPORA / "real_texts.txt").read_text(encoding="utf-8").splitlines()
    synthetic = (CORPORA / "sentences.txt").read_text(encoding="utf-8").splitlines()
    readings = (CORPORA / "readings.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [(line.split(" = ")[0], UNSURE) for line in real if line and line[0] not in "#["]
    texts += [(line.rpartition(" | ")[2], UNSURE) for line in synthetic if not line.startswith("#")]
    for line in readings:
        texts += [(one["text"], one["avg_logprob"]) for one in json.loads(line)["segments"]]
    for page in [*(ROOT / "docs" / "ru").glob("*.md"), ROOT / "README.ru.md"]:
        text = page.read_text(encoding="utf-8")
        if "vocabulary" not in text:
            texts += [(line, UNSURE) for line in text.splitlines() if not re.search(r"[`{|]|://", line)]
    unique = dict(pair for pair in texts if re.search("[а-яё]", pair[0]))
    return [Segment(i, i + 1, text, avg_logprob=score) for i, (text, score) in enumerate(unique.items())]
