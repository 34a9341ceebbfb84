"""Where in the sound texts are: together, then those apart that are not found. Knows no model library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc import UnalignableError, best_paths
from whisperx_worker_plugins.wav2vec2_alignment.found import Path, below_best, is_found
from whisperx_worker_plugins.wav2vec2_alignment.text import WILDCARD
from whisperx_worker_plugins.wav2vec2_alignment.texts import spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.wav2vec2_alignment.ctc import TokenTimes
    from whisperx_worker_plugins.wav2vec2_alignment.sound import Sound
    from whisperx_worker_plugins.wav2vec2_alignment.spelling import Spelling
    from whisperx_worker_plugins.wav2vec2_alignment.text import Alphabet
    from whisperx_worker_plugins.wav2vec2_alignment.texts import Text

_ROUNDS = 3
_AROUND_S: Seconds = 1.0
"""How far from its segment's times a text is looked for that was not found together with its neighbours."""
_NOT_FOUND = "its words were not found in the sound"


@dataclass(frozen=True, eq=False)
class Task:
    """Texts to be aligned with some frames of a sound."""

    texts: Sequence[Text]
    sound: Sound
    first: int
    after: int


@dataclass(frozen=True, eq=False)
class Placed:
    """A text with its way through a sound."""

    path: Path
    places: Sequence[tuple[int, int]]
    """Where each word begins in the tokens of the path, and where it ends."""


Settled: TypeAlias = "list[Placed | UnalignableError]"


def place(tasks: Sequence[Task], alphabet: Alphabet) -> list[list[Placed] | UnalignableError]:
    """The texts of each task as they are together, or why they are not."""
    spellings = [spelled(task.texts, alphabet) for task in tasks]
    heard, graphs = [], []
    for task, spelling in zip(tasks, spellings, strict=True):
        graph = spelling.graph
        if (graph.columns == WILDCARD).any():
            any_sound = task.sound.emission.shape[1]
            graph = replace(graph, columns=np.where(graph.columns == WILDCARD, any_sound, graph.columns))
        heard.append(task.sound.scores(graph.columns)[task.first : task.after])
        graphs.append(graph)
    found = best_paths(heard, graphs, alphabet.blank, to_the_end=True)
    return [
        path if isinstance(path, UnalignableError) else _parts(task, spelling, graph.columns, path)
        for task, spelling, graph, path in zip(tasks, spellings, graphs, found, strict=True)
    ]


def _parts(task: Task, spelling: Spelling, columns: NDArray[np.int64], path: TokenTimes) -> list[Placed]:
    """The part of a path that each text has."""
    counts = [len(text.words) for text in task.texts]
    places = spelling.places(path, sum(counts))
    used, word = columns[path.tokens], 0
    found = []
    for count in counts:
        own = places[word : word + count]
        first, after = own[0][0], own[-1][1]
        part = slice(first, after)
        found.append(
            Placed(
                Path(used[part], path.starts[part] + task.first, path.ends[part] + task.first, path.scores[part]),
                [(a - first, b - first) for a, b in own],
            )
        )
        word += count
    return found


def settle(
    texts: Sequence[Text], sound: Sound, together: list[Placed] | UnalignableError, alphabet: Alphabet
) -> Settled:
    """Find a place for each text; those whose words are not in the sound must not push their neighbours away.

    Args:
        texts: In the order in which they are said.
        sound: What may have them.
        together: Where they are all together, as `place` gives it.
        alphabet: The acoustic model's characters.

    Returns:
        For each text its place, or why it has none.
    """
    if isinstance(together, UnalignableError):
        return [together] if len(texts) == 1 else _inside_walls(texts, sound, alphabet)
    settled = _without_missing(texts, sound, together, alphabet)
    if len(texts) == 1 or not any(isinstance(one, UnalignableError) for one in settled):
        return settled
    # A false text that takes a true one's sound is not always the one that is missed: the times tell them apart.
    return max(settled, _inside_walls(texts, sound, alphabet), key=partial(_quality, sound=sound))


def _quality(settled: Settled, sound: Sound) -> tuple[int, float]:
    """How many texts have a place, and how near their paths are to the best ones."""
    paths = [one.path for one in settled if isinstance(one, Placed)]
    below = [below_best(path, sound) for path in paths]
    return len(paths), sum(below) / len(below) if below else 0.0


def _inside_walls(texts: Sequence[Text], sound: Sound, alphabet: Alphabet) -> Settled:
    """Each text inside its segment's times."""
    tasks: list[Task] = []
    for text in texts:
        first, after = sound.frames_within(text.span.start, text.span.end)
        tasks.append(Task([text], sound, max([first, *(task.after for task in tasks[-1:])]), after))
    settled: Settled = []
    for task, placed in zip(tasks, place(tasks, alphabet), strict=True):
        if isinstance(placed, UnalignableError):
            settled.append(placed)
        elif is_found(placed[0].path, sound, task.first, task.after, alphabet.separator):
            settled.append(placed[0])
        else:
            settled.append(UnalignableError(_NOT_FOUND))
    return settled


def _without_missing(texts: Sequence[Text], sound: Sound, together: list[Placed], alphabet: Alphabet) -> Settled:
    """The texts that are found together, and the others in what these leave of their segments' times."""
    kept = dict(enumerate(together))
    for _ in range(_ROUNDS):
        missing = _missing(kept, sound, alphabet)
        if not missing:
            break
        left = [number for number in kept if number not in missing]
        tasks = [Task([texts[number] for number in left], sound, 0, len(sound.emission))] if left else []
        again = next(iter(place(tasks, alphabet)), UnalignableError(_NOT_FOUND))
        kept = {} if isinstance(again, UnalignableError) else dict(zip(left, again, strict=True))
    settled: dict[int, Placed | UnalignableError] = {}
    for number in sorted(set(range(len(texts))) - kept.keys()):
        placed = settled[number] = _alone(number, texts[number], kept, sound, alphabet)
        if not isinstance(placed, UnalignableError):
            kept[number] = placed
    return [kept.get(number) or settled[number] for number in range(len(texts))]


def _missing(kept: Mapping[int, Placed], sound: Sound, alphabet: Alphabet) -> list[int]:
    return [
        number
        for number, placed in kept.items()
        if not is_found(placed.path, sound, *room(number, kept, sound), alphabet.separator)
    ]


def room(number: int, kept: Mapping[int, Placed], sound: Sound) -> tuple[int, int]:
    """The first frame after the text before, and the first one of the text after."""
    before = max((one for one in kept if one < number), default=None)
    after = min((one for one in kept if one > number), default=None)
    return (
        0 if before is None else int(kept[before].path.starts[-1]) + 1,
        len(sound.emission) if after is None else int(kept[after].path.starts[0]),
    )


def _alone(
    number: int, text: Text, kept: Mapping[int, Placed], sound: Sound, alphabet: Alphabet
) -> Placed | UnalignableError:
    """A text near its segment's times, in what its neighbours leave of them."""
    first, after = room(number, kept, sound)
    near_first, near_after = sound.frames_within(text.span.start - _AROUND_S, text.span.end + _AROUND_S)
    first, after = max(first, near_first), min(after, near_after)
    (found,) = place([Task([text], sound, first, after)], alphabet) if first < after else (None,)
    if isinstance(found, list) and is_found(found[0].path, sound, first, after, alphabet.separator):
        return found[0]
    return UnalignableError(_NOT_FOUND)
