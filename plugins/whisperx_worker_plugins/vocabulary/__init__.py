"""The customer's own terms, put in after recognition where something that sounds like them was recognised.

options has the terms · readings and latin give how they are read, morphology their forms and the usual words, phones
their sounds · lexicon holds the sounds of all terms · certainty is how sure the recogniser was of a word · matching
chooses what is replaced, by skeleton and distance · replacement puts it in.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import PluginInfo, hookimpl
from whisperx_worker_plugins.vocabulary.certainty import certainties
from whisperx_worker_plugins.vocabulary.options import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job, Transcript
    from whisperx_worker_plugins.vocabulary.matching import Match

log = logging.getLogger(__name__)

LANGUAGE = "ru"
"""The language of the sounds; in another one nothing is replaced."""


@hookimpl
def register_plugin() -> PluginInfo:
    """Take part only in jobs that ask for it."""
    return PluginInfo(on_request=True)


@hookimpl
def register_options() -> type[Options]:
    """Let jobs name their terms."""
    return Options


@hookimpl
def post_align(transcript: Transcript, job: Job, options: Options | None) -> Transcript | None:
    """Put the job's terms into text and words; without terms nothing is looked at."""
    if not options or not options.terms or not transcript.segments:
        return None
    if transcript.language != LANGUAGE or job.request.task == "translate":
        job.warn(
            "vocabulary: terms are put into Russian text only, and this text is in another language", lossless=True
        )
        return None
    matches = find_terms(transcript, options, are_scores_of_alignment=job.request.align_output)
    _report(matches, len(options.terms))
    return put_in(transcript, matches)


def find_terms(transcript: Transcript, options: Options, *, are_scores_of_alignment: bool) -> list[Match]:
    """Return the words of a Russian transcript that are to become terms.

    Args:
        transcript: What was recognised.
        options: The terms.
        are_scores_of_alignment: Whether words have the scores of forced alignment, or the recogniser's probabilities.
    """
    from whisperx_worker_plugins.vocabulary.lexicon import compile_terms
    from whisperx_worker_plugins.vocabulary.matching import find_matches, token_of

    words = (certainties(one, are_scores_of_alignment=are_scores_of_alignment) for one in transcript.segments)
    tokens = [[token_of(word, certainty) for word, certainty in segment] for segment in words]
    return find_matches(tokens, compile_terms(options.terms))


def put_in(transcript: Transcript, matches: Sequence[Match]) -> Transcript:
    """Return a transcript with its matches in text and words."""
    from whisperx_worker_plugins.vocabulary.replacement import apply_matches

    by_segment = defaultdict(list)
    for match in matches:
        if match.form is not None:
            by_segment[match.segment].append(match)
    segments = (apply_matches(one, by_segment[number]) for number, one in enumerate(transcript.segments))
    return replace(transcript, segments=tuple(segments))


def _report(matches: Sequence[Match], terms: int) -> None:
    """Log how much was replaced, without the words: a log is no place for what people say."""
    replaced = [match for match in matches if match.term is not None]
    farthest = max((match.distance for match in replaced), default=0.0)
    found = len({match.term for match in replaced})
    log.info("terms put in: %d of %d, places: %d, farthest sound: %.2f", found, terms, len(replaced), farthest)
