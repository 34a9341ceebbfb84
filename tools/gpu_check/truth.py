"""Rows that compare the answers of a GPU with those of a CPU.

They do so for shipped and for real models.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from demo.demo import plain
from tools.gpu_check.recognition import refuse_unsupported
from tools.gpu_check.setup import (
    DEMO,
    EVERYTHING,
    SHIPPED,
    CheckError,
    Measure,
    SkippedError,
    recognition_s,
    run_job,
    samples,
    text_of,
)
from tools.real_models import WHISPER
from whisperx_worker.pipeline.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.gpu_check.setup import Setup

MIN_SAME_WORDS = 0.97
MAX_TIME_S = 0.05
"""95th percentile of the distances of word starts from those on the CPU."""
MAX_WORD_ERRORS = 0.5
"""Word error rate of Whisper base on the shipped synthetic voices, above which decoding is wrong."""


def compare_with_cpu(setup: Setup) -> Iterator[Measure]:
    """Compare words, speakers and names of the shipped dialogue with those of the CPU in float32."""
    asked = {**EVERYTHING, "speaker_samples": samples()}
    responses = [
        run_job(open_worker(setup.settings(**SHIPPED, device=device)), DEMO / "dialogue.flac", **asked, **precision)
        for device, precision in (("cpu", {"compute_type": "float32"}), (setup.device, {}))
    ]
    theirs, ours = (words_of(response) for response in responses)
    matched = difflib.SequenceMatcher(None, [w["word"] for w in theirs], [w["word"] for w in ours], autojunk=False)
    pairs = [
        (theirs[block.a + place], ours[block.b + place])
        for block in matched.get_matching_blocks()
        for place in range(block.size)
    ]
    same = len(pairs) / max(1, len(theirs), len(ours))
    yield Measure("words that are the same", f"{len(pairs)} of {len(theirs)}")
    moved = [abs(one["start"] - other["start"]) for one, other in pairs if "start" in one and "start" in other]
    yield Measure("they begin within", f"{np.percentile(moved or [0.0], 95):.3f} s of each other (19 of 20)")
    speakers = sum(one.get("speaker") == other.get("speaker") for one, other in pairs)
    yield Measure("with the same speaker", f"{speakers} of {len(pairs)}")
    names = [[one["speaker_id"] for one in response["speakers"]] for response in responses]
    yield Measure("names", ", ".join(names[1]))
    if same < MIN_SAME_WORDS or not moved or np.percentile(moved, 95) > MAX_TIME_S:
        raise CheckError("the words are others than on the CPU, or elsewhere")
    if speakers < MIN_SAME_WORDS * len(pairs) or names[0] != names[1]:
        raise CheckError("the speakers are others than on the CPU")


def words_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    """List the words of a response."""
    return [word for segment in response["segments"] for word in segment["words"]]


def transcribe_by_precision(setup: Setup, compute_types: tuple[str, ...]) -> Iterator[Measure]:
    """Transcribe the shipped dialogue with OpenAI's Whisper base in each precision."""
    if not (WHISPER / "complete").is_file():
        raise SkippedError("the real models are not here; `make real-models` brings them")
    import jiwer

    spoken = json.loads((DEMO / "dialogue.json").read_text(encoding="utf-8"))["text"]
    worker = open_worker(setup.settings())
    for compute_type in compute_types:
        try:
            refuse_unsupported(compute_type, setup.device)
        except SkippedError as error:
            yield Measure(compute_type, str(error))
            continue
        asked = {"model": str(WHISPER), "language": "ru", "compute_type": compute_type}
        response = run_job(worker, DEMO / "dialogue.flac", **asked)
        wrong = jiwer.wer(plain(spoken), plain(text_of(response)))
        (loaded,) = response["debug"]["models"].values()
        yield Measure(
            compute_type,
            f"loaded in {loaded['seconds']:.1f} s, text in {recognition_s(response):.2f} s, {wrong:.1%} of words wrong",
        )
        if wrong > MAX_WORD_ERRORS:
            raise CheckError(f"in {compute_type} {wrong:.0%} of the words are wrong")
