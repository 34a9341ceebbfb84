"""How sure the recogniser was of each word of a segment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperx_worker import Segment


def certainties(segment: Segment, *, are_scores_of_alignment: bool) -> list[tuple[str, float]]:
    """Return the words of a segment's text with the probability that each is right, 0..1.

    The recogniser's own probability of a word is taken where there is one, else the mean of its chunk. A score of
    forced alignment is no such probability, but how well the letters fit the sound: a low one is a doubt, a high one no
    certainty. What has neither counts as certain. A segment whose words are not those of its text has none.

    Args:
        segment: A segment of the transcript.
        are_scores_of_alignment: Whether the scores of its words are those of forced alignment.
    """
    texts = segment.text.split()
    of_chunk = 1.0 if segment.avg_logprob is None else math.exp(min(0.0, segment.avg_logprob))
    if not segment.words:
        return [(text, of_chunk) for text in texts]
    if texts != [word.word for word in segment.words]:
        return []
    scores = [of_chunk if word.score is None else word.score for word in segment.words]
    if are_scores_of_alignment:
        scores = [min(of_chunk, score) for score in scores]
    return list(zip(texts, scores, strict=True))
