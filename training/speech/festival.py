"""Speech of Festival, which reads many sentences in one process."""

import subprocess
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import soundfile

from training.speech.utterance import Span, Spoken, Voice, finish

_FESTIVAL_SCRIPT = """(voice_msu_ru_nsh_clunits)
(define (speak_to_file text file)
  (let ((utterance (SynthText text)))
    (utt.save.wave utterance file)
    (format t "file %s\\n" file)
    (mapcar (lambda (word) (format t "word %f %f\\n" (item.feat word "word_start") (item.feat word "word_end")))
            (utt.relation.items utterance 'Word))))
"""


FESTIVAL_START_S, FESTIVAL_END_S = 0.010, -0.025
"""Corrections of word edges beside a pause, measured on the sound.

Festival's words are a little too wide.
"""
PAUSE_S = 0.08


def _without_silence(spans: Sequence[Span]) -> list[Span]:
    """Correct the edges of the words beside a pause."""
    after_pause = [True] + [start - end > PAUSE_S for (_, end), (start, _) in pairwise(spans)]
    before_pause = [*after_pause[1:], True]
    return [
        (start + FESTIVAL_START_S * after, end + FESTIVAL_END_S * before)
        for (start, end), after, before in zip(spans, after_pause, before_pause, strict=True)
    ]


def festival(texts: Sequence[str], voice: Voice) -> list[Spoken | None]:
    """Synthesise many texts in one process.

    The result is None where the timed words are not those of the text.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "speak.scm")
        calls = "".join(f'(speak_to_file "{text}" "{folder}/{index}.wav")\n' for index, text in enumerate(texts))
        script.write_text(_FESTIVAL_SCRIPT + calls, encoding="utf-8")
        output = subprocess.run(  # noqa: S603 -- the script is ours
            ["/usr/bin/festival", "-b", str(script)], capture_output=True, text=True, check=False
        ).stdout
        spoken: list[Spoken | None] = [None] * len(texts)
        for block in output.split("file ")[1:]:
            path, *lines = block.strip().splitlines()
            index = int(Path(path).stem)
            spans = [(float(start), float(end)) for _, start, end in (line.split() for line in lines)]
            if len(spans) == len(texts[index].split()):
                wave, rate_hz = soundfile.read(path, dtype="float32")
                spoken[index] = finish(wave, rate_hz, _without_silence(spans), voice.formants)
    return spoken
