"""Mistakes in the people of a request: names, voiceprints and samples. No sentence has anything of a voiceprint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from whisperx_worker.contract.audio_source import AudioSource, source_mistakes, source_stem
from whisperx_worker.contract.base64_audio import base64_mistakes
from whisperx_worker.contract.fields import did_you_mean, is_model_name, kind_of_value, quoted
from whisperx_worker.contract.speakers import MAX_NAME, MAX_SAMPLES, MAX_SPEAKERS, MAX_VOICEPRINTS
from whisperx_worker.errors import BadInputError
from whisperx_worker.logs.voiceprint_mask import mask_voiceprints, voiceprints_in
from whisperx_worker.voices.voiceprint import read_voiceprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from whisperx_worker.voices.voiceprint import Voiceprint

MAX_VOICEPRINTS_OF_REQUEST = 1_000
MAX_VOICEPRINT_LETTERS = 32_768
"""Letters of the longest voiceprint; one of 4,096 dimensions has 22,000."""
MAX_LISTED = 20
"""Mistakes in `speakers` that one sentence lists."""

RESERVED_NAME = re.compile(r"unknown|(SPEAKER|CHANNEL)_\d+", re.IGNORECASE)
"""Labels of speakers without a name."""
_SPEAKER_FIELDS = ("name", "voiceprints", "samples")
_SAMPLE_FIELDS = ("url", "audio_base64")


def speaker_mistakes(known: Mapping[str, Any], sources: Mapping[str, AudioSource]) -> list[str]:
    """Return the mistakes in `speakers`, `speaker_samples` and what depends on them.

    Args:
        known: Known fields of the request, as they were sent.
        sources: Parsed sources by the text that names them.
    """
    samples, speakers = (_items(known.get(name)) for name in ("speaker_samples", "speakers"))
    mistakes = []
    for index, sample in enumerate(samples):
        if isinstance(sample, Mapping):
            mistakes += _sample_mistakes(f"speaker_samples[{index}]", sample, sources)
    if len(speakers) > MAX_SPEAKERS:
        expected = f"a list of at most {MAX_SPEAKERS} objects with name, and voiceprints or samples"
        mistakes.append(f"speakers must be {expected}, not this list")
    else:
        found = list(_mistakes_of_speakers(speakers, samples, sources))
        more = len(found) - MAX_LISTED
        mistakes += found[:MAX_LISTED] + ([f"and {more} more mistakes in speakers"] if more > 0 else [])
    if known.get("speaker_verification") is True and not samples and not speakers:
        mistakes.append("speaker_verification needs speakers or speaker_samples")
    # A tuple, since a list may be sent, and a set cannot be asked for one.
    if known.get("return_voiceprints") is True and not (
        known.get("diarization") or known.get("channels") in ("separate", "auto")
    ):
        mistakes.append('return_voiceprints needs speakers: diarization, or channels "separate" or "auto"')
    return mistakes


def _items(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, list | tuple) else ()


def _mistakes_of_speakers(
    speakers: Iterable[object], samples: Iterable[object], sources: Mapping[str, AudioSource]
) -> Iterator[str]:
    """Yield the mistakes of each speaker, and those between them."""
    elsewhere = {_name_of_sample(one, sources) for one in samples if isinstance(one, Mapping)}
    places: dict[str, str] = {}
    read: dict[str, tuple[str, Voiceprint]] = {}
    people = [one for one in speakers if isinstance(one, Mapping)]
    voiceprints, own = (sum(len(_items(one.get(name))) for one in people) for name in ("voiceprints", "samples"))
    yield from _mistakes_of_counts(voiceprints, own, len(tuple(samples)))
    for index, speaker in enumerate(speakers):
        place = f"speakers[{index}]"
        if not isinstance(speaker, Mapping):
            yield f"{place} must be an object with name, and voiceprints or samples, not this {kind_of_value(speaker)}"
            continue
        yield from _unknown_fields(place, speaker, _SPEAKER_FIELDS, "a speaker")
        yield from _mistakes_of_name(place, speaker, places, elsewhere)
        if all(speaker.get(name, ()) in ((), []) for name in ("voiceprints", "samples")):
            yield f"{place} needs voiceprints or samples"
        yield from _mistakes_of_voiceprints(f"{place}.voiceprints", speaker.get("voiceprints", ()), read)
        yield from _mistakes_of_samples(f"{place}.samples", speaker.get("samples", ()), sources)
    yield from _mistakes_between({one for _, one in read.values()})


def _mistakes_of_counts(voiceprints: int, samples: int, others: int) -> Iterator[str]:
    if voiceprints > MAX_VOICEPRINTS_OF_REQUEST:
        yield f"speakers have {voiceprints} voiceprints, and at most {MAX_VOICEPRINTS_OF_REQUEST} are taken"
    if samples and samples + others > MAX_SAMPLES:
        yield f"speakers and speaker_samples have {samples + others} samples, and at most {MAX_SAMPLES} are taken"


def _mistakes_of_name(
    place: str, speaker: Mapping[Any, Any], places: dict[str, str], elsewhere: set[str]
) -> Iterator[str]:
    """Yield what is wrong with a speaker's name; note its place."""
    if "name" not in speaker:
        yield f"{place}.name is missing"
        return
    name = speaker["name"]
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME:
        yield f"{place}.name must be text of 1 to {MAX_NAME} characters, not this {kind_of_value(name)}"
        return
    name = name.strip()
    if voiceprints_in(name):
        yield f"{place}.name must be a name, not a voiceprint"
    if RESERVED_NAME.fullmatch(name):
        yield f'{place}.name must not be "{name}": strangers are called that'
    if name in places:
        yield f"{place}.name is that of {places[name]}; send all of a person in one place"
    elif name in elsewhere:
        yield f"{place}.name is in speaker_samples too; send all of a person in one place"
    places.setdefault(name, place)


def _mistakes_of_voiceprints(place: str, texts: object, read: dict[str, tuple[str, Voiceprint]]) -> Iterator[str]:
    """Yield what is wrong with a speaker's voiceprints.

    Args:
        place: Field that has them, for messages.
        texts: What was sent.
        read: Gets the sound ones by their texts, with their places.
    """
    if not isinstance(texts, list | tuple):
        yield f"{place} must be a list of voiceprints, not this {kind_of_value(texts)}"
        return
    if len(texts) > MAX_VOICEPRINTS:
        yield f"{place} are {len(texts)}, and at most {MAX_VOICEPRINTS} of a person are taken"
        return
    for number, text in enumerate(texts):
        here = f"{place}[{number}]"
        if not isinstance(text, str):
            yield f"{here} must be text, not this {kind_of_value(text)}"
        elif len(text) > MAX_VOICEPRINT_LETTERS:
            yield f"{here} has {len(text)} letters, and no voiceprint has more than {MAX_VOICEPRINT_LETTERS}"
        elif text.strip() in read:
            yield f"{here} is the same as {read[text.strip()][0]}"
        elif len(read) < MAX_VOICEPRINTS_OF_REQUEST:
            try:
                read[text.strip()] = here, read_voiceprint(text.strip())
            except BadInputError as error:
                yield f"{here} {error}"


def _mistakes_between(voiceprints: Iterable[Voiceprint]) -> Iterator[str]:
    """Yield what keeps voiceprints from being compared with each other."""
    kinds = sorted({(one.model, one.revision, len(one.embedding)) for one in voiceprints})
    if len(kinds) > 1:
        names = " and ".join(dict.fromkeys(model_title(model, revision) for model, revision, _ in islice(kinds, 3)))
        yield f"speakers: the voiceprints are of several models ({names}), and only those of one can be compared"


def model_title(model: str, revision: str) -> str:
    """Return the name of a speaker model and its revision for a sentence.

    Both may come from a voiceprint, where they can be any text.
    """
    name = mask_voiceprints(model) if is_model_name(model) else "one without a proper name"
    return f"{name}, revision {revision[:12]}" if is_model_name(revision) else name


def _mistakes_of_samples(place: str, samples: object, sources: Mapping[str, AudioSource]) -> Iterator[str]:
    """Yield what is wrong with the samples of one speaker."""
    if not isinstance(samples, list | tuple):
        yield f"{place} must be a list of samples, not this {kind_of_value(samples)}"
        return
    if len(samples) > MAX_SAMPLES:
        return  # the sentence about all samples has it
    for number, sample in enumerate(samples):
        here = f"{place}[{number}]"
        if not isinstance(sample, Mapping):
            yield f"{here} must be an object with url or audio_base64, not this {kind_of_value(sample)}"
            continue
        if "name" in sample:
            yield f"{here}.name is not a field here: the speaker has the name"
        yield from _unknown_fields(here, sample, _SAMPLE_FIELDS, "a sample", taken=("name",))
        yield from _mistakes_of_source(here, sample, sources)


def _mistakes_of_source(place: str, sample: Mapping[Any, Any], sources: Mapping[str, AudioSource]) -> Iterator[str]:
    """Yield what is wrong with the audio of a speaker's sample."""
    url, inline = sample.get("url"), sample.get("audio_base64")
    wrong = [name for name in _SAMPLE_FIELDS if not isinstance(sample.get(name), str | None)]
    yield from (f"{place}.{name} must be text, not this {kind_of_value(sample[name])}" for name in wrong)
    if wrong:
        return
    if (url is None) == (inline is None):
        yield f"{place} needs exactly one of url and audio_base64"
    elif voiceprints_in(next(filter(None, (url, inline)), "")[:MAX_VOICEPRINT_LETTERS]):
        yield f"{place} is a voiceprint, which belongs in voiceprints"
    elif url is not None:
        yield from source_mistakes(f"{place}.url", sources[url])
    elif inline is not None:
        yield from base64_mistakes(f"{place}.audio_base64", inline)


def _unknown_fields(
    place: str, given: Mapping[Any, Any], fields: tuple[str, ...], what: str, *, taken: tuple[str, ...] = ()
) -> Iterator[str]:
    for name in map(str, given):
        if name not in fields and name not in taken:
            yield f"{place}.{quoted(name)} is not a field of {what}{did_you_mean(name, fields)}"


def _sample_mistakes(place: str, sample: Mapping[str, object], sources: Mapping[str, AudioSource]) -> list[str]:
    """Return the mistakes in one of `speaker_samples`."""
    url, inline = sample.get("url"), sample.get("audio_base64")
    if (url is None) == (inline is None):
        return [f"{place} needs exactly one of url and audio_base64"]
    if isinstance(url, str):
        wrong = source_mistakes(f"{place}.url", sources[url])
        return wrong or _name_mistakes(place, sample, "this url", source_stem(sources[url]))
    if isinstance(inline, str):
        return _name_mistakes(place, sample, "base64", "") + base64_mistakes(f"{place}.audio_base64", inline)
    return []


def _name_mistakes(place: str, sample: Mapping[str, object], source: str, stem: str) -> list[str]:
    name = sample.get("name") or stem
    if not name:
        return [f"{place}.name is missing, and {source} has no file name to take it from"]
    if isinstance(name, str) and RESERVED_NAME.fullmatch(name.strip()):
        return [f'{place}.name must not be "{name.strip()}": strangers are called that']
    return []


def _name_of_sample(sample: Mapping[Any, Any], sources: Mapping[str, AudioSource]) -> str:
    """Return the name of one of `speaker_samples`, or ""."""
    name, url = sample.get("name"), sample.get("url")
    if isinstance(name, str) and name.strip():
        return name.strip()
    source = sources.get(url) if isinstance(url, str) else None
    return source_stem(source) if source is not None and not source_mistakes("url", source) else ""
