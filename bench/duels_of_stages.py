"""Rows of `bench.speed` about one stage: alignment, speakers, diarization, finding speech."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


from bench.duel import ALIGNER, RATE_HZ, ROOT, Outcome, best_times, dialogue, install_sentence_splitter


def spoken_windows(count: int = 32) -> list[tuple[NDArray[np.float32], str]]:
    """Return windows of nearly 30 s with their text, from the held-out speech, repeated.

    The text has no punctuation: whisperX would align each sign to a frame of sound.
    """
    from training.evaluate import read_split, windows
    from training.speech.grammar import normalise

    found = windows(read_split("heldout") + read_split("unheard_voice"))
    long = [(wave[: 30 * RATE_HZ], normalise(text)) for wave, text in found if len(wave) > 27 * RATE_HZ]
    return list(islice(cycle(long), count))


def alignment() -> Outcome:
    """Align 32 windows; the emissions are computed beforehand."""
    import torch
    import whisperx

    from whisperx_worker import Segment
    from whisperx_worker_plugins.wav2vec2_alignment import checkpoints
    from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
    from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
    from whisperx_worker_plugins.wav2vec2_alignment.transcript_alignment import GROUPS_PER_BATCH

    spoken = spoken_windows()
    install_sentence_splitter([text for _, text in spoken])
    network, metadata = whisperx.load_align_model("ru", "cpu", model_name=str(ALIGNER))
    with torch.inference_mode():
        logits = [network(torch.from_numpy(wave)[None]).logits for wave, _ in spoken]
    emissions = [scores.log_softmax(-1)[0].numpy() for scores in logits]
    alphabet = checkpoints.load(checkpoints.Checkpoint("demo", ALIGNER), "cpu").alphabet
    sound = np.concatenate([wave for wave, _ in spoken])
    edges = np.cumsum([0, *(len(wave) for wave, _ in spoken)]) / RATE_HZ
    times = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    written = [text for _, text in spoken]
    found: dict[str, list[tuple[str, float, float]]] = {}

    def ours() -> None:
        segments = [Segment(*edges, text) for edges, text in zip(times, written, strict=True)]
        read = [prepare_text(segment, alphabet, "ru", segment.end) for segment in segments]
        whole = [TextGroup([text], [text.span]) for text in read]
        words = []
        for at in range(0, len(read), GROUPS_PER_BATCH):
            batch = slice(at, at + GROUPS_PER_BATCH)
            aligned = align_text_groups(whole[batch], [[emission] for emission in emissions[batch]], alphabet)
            sentences = [sentence for (parts,) in aligned if isinstance(parts, list) for sentence in parts]
            words += [word for sentence in sentences for word in sentence.words]
        found["ours"] = [(word.word, word.start or 0.0, word.end or 0.0) for word in words]

    def theirs() -> None:
        ready = iter(logits)
        spans = zip(times, written, strict=True)
        segments = [{"start": start, "end": end, "text": text} for (start, end), text in spans]
        model: Any = lambda _: type("Output", (), {"logits": next(ready)})  # noqa: E731
        words = whisperx.align(segments, model, metadata, sound, "cpu")["word_segments"]
        found["theirs"] = [(word["word"], float(word["start"]), float(word["end"])) for word in words]

    ours_s, theirs_s = best_times(ours, theirs)
    # Of the last word of a window whisperX's end is another: its path ends before the sound does.
    last = set(np.cumsum([len(text.split()) for text in written]) - 1)
    pairs = enumerate(zip(found["ours"], found["theirs"], strict=False))
    same = sum(a[:2] == b[:2] if place in last else a == b for place, (a, b) in pairs)
    whole = len(found["theirs"])
    return Outcome(
        ours_s / len(spoken),
        theirs_s / len(spoken),
        note=f"per 30 s segment; {same} of {whole} words with the same times",
        # A word is moved back where a letter was aligned to the neighbouring sentence.
        valid=same >= 0.99 * whole and whole == len(found["ours"]),
    )


def acoustic_model() -> Outcome:
    """Run a wav2vec2 of the base size with random weights on three segments."""
    import torch
    import whisperx
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    from whisperx_worker import OomBackoff
    from whisperx_worker.testing import make_job
    from whisperx_worker_plugins.wav2vec2_alignment import checkpoints, emissions
    from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
    from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError

    with tempfile.TemporaryDirectory() as folder:
        labels = ["<pad>", "|", *"абвгдежзийклмнопрстуфхцчшщъыьэюя"]
        vocabulary = Path(folder) / "vocab.json"
        vocabulary.write_text(json.dumps({label: number for number, label in enumerate(labels)}), encoding="utf-8")
        Wav2Vec2CTCTokenizer(str(vocabulary), unk_token=labels[0]).save_pretrained(folder)  # type: ignore[no-untyped-call]
        Wav2Vec2FeatureExtractor().save_pretrained(folder)  # type: ignore[no-untyped-call]
        torch.manual_seed(0)
        config = Wav2Vec2Config(vocab_size=len(labels), pad_token_id=0)  # type: ignore[no-untyped-call]
        Wav2Vec2ForCTC(config).save_pretrained(folder)
        model = checkpoints.load(checkpoints.Checkpoint("base", Path(folder)), "cpu")
        network, _ = whisperx.load_align_model("ru", "cpu", model_name=folder)
    sounds = [dialogue()[start * RATE_HZ : (start + 20) * RATE_HZ] for start in (0, 20, 40)]
    found: dict[str, list[NDArray[np.float32]]] = {}

    def ours() -> None:
        batches = emissions.iter_emissions(model, sounds, 32, OomBackoff(make_job(), "align"))
        parts = dict(part for batch in batches for part in batch)
        found["ours"] = [parts[number] for number in range(len(sounds))]

    def theirs() -> None:
        with torch.inference_mode():
            scores = [network(torch.from_numpy(sound)[None]).logits.log_softmax(-1) for sound in sounds]
        found["theirs"] = [score[0].numpy() for score in scores]

    best = best_times(ours, theirs, 2, time.perf_counter)
    tokens = np.random.default_rng(0).integers(2, len(labels), 200).tolist()
    pairs = zip(found["ours"], found["theirs"], strict=True)

    def starts(emission: NDArray[np.float32]) -> NDArray[np.int64]:
        (path,) = best_paths([emission], [tokens], 0)
        if isinstance(path, UnalignableError):
            raise path
        return path.starts

    off = max(np.abs(starts(a) - starts(b)).max() for a, b in pairs)
    return Outcome(*best, note=f"60 s, base size, random weights; times differ by {off} frames", valid=bool(off <= 1))


def speakers() -> Outcome:
    """Assign the speakers of three hours of words and turns."""
    import pandas as pd
    from whisperx.diarize import assign_word_speakers

    from whisperx_worker import Diarization, Segment, SpeakerTurn, Transcript, Word
    from whisperx_worker.results.speaker_assignment import assign_speakers

    draw = np.random.default_rng(0)
    edges = np.sort(draw.uniform(0, 10_800, 3_001)).round(3).tolist()
    turns = tuple(
        SpeakerTurn(start, max(start, end - 0.2), f"SPEAKER_{draw.integers(4):02d}") for start, end in pairwise(edges)
    )
    starts = np.linspace(0.0, 10_799.0, 30_000).round(3).tolist()
    words = [Word(f"слово{number}", start, round(start + 0.3, 3), 0.9) for number, start in enumerate(starts)]
    segments = [tuple(words[at : at + 12]) for at in range(0, len(words), 12)]
    transcript = Transcript(
        tuple(
            Segment(part[0].start or 0, part[-1].end or 0, " ".join(w.word for w in part), part) for part in segments
        ),
        "ru",
    )
    diarization = Diarization(turns, turns, {})
    frame = pd.DataFrame([(turn.start, turn.end, turn.speaker) for turn in turns], columns=["start", "end", "speaker"])
    spoken = [
        {
            "segments": [
                {
                    "start": segment.start,
                    "end": segment.end,
                    "text": segment.text,
                    "words": [{"word": word.word, "start": word.start, "end": word.end} for word in segment.words],
                }
                for segment in transcript.segments
            ]
        }
        for _ in range(5)
    ]
    best = best_times(
        lambda: assign_speakers(transcript, diarization), lambda: assign_word_speakers(frame, spoken.pop()), rounds=5
    )
    return Outcome(*best, note="ours cuts segments as well")


def diarization_identical() -> Outcome:
    """Compare pyannote's own pipeline in the layout of production.

    It has whisperX's segmentation and a random ResNet34.
    """
    import torch
    import whisperx
    from pyannote.audio import Model
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.pipelines import SpeakerDiarization

    from whisperx_worker_plugins.pyannote_diarization.shared_embedding import use_shared_embedding

    torch.manual_seed(0)
    segmentation: Any = Model.from_pretrained(Path(whisperx.__file__).parent / "assets" / "pytorch_model.bin")
    embedding: Any = WeSpeakerResNet34()
    embedding.specifications = Specifications(Problem.REPRESENTATION, Resolution.CHUNK, duration=5.0, classes=["A"])
    embedding.eval()

    def pipeline() -> Any:  # noqa: ANN401
        made: Any = SpeakerDiarization(
            segmentation=segmentation,
            embedding=embedding,
            plda=PLDA.__new__(PLDA),
            clustering="AgglomerativeClustering",
            embedding_exclude_overlap=True,
            segmentation_batch_size=32,
            embedding_batch_size=32,
        )
        clustering = {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7}
        return made.instantiate({"segmentation": {"threshold": 0.5, "min_duration_off": 0.0}, "clustering": clustering})

    bare, shared = pipeline(), pipeline()
    use_shared_embedding(shared)
    file = {"waveform": torch.from_numpy(dialogue(20.0))[None], "sample_rate": RATE_HZ}
    turns: dict[str, list[tuple[float, float, object]]] = {}

    def run(side: str, pipeline: Any) -> None:  # noqa: ANN401
        found = pipeline(file).speaker_diarization
        turns[side] = [(segment.start, segment.end, label) for segment, _, label in found.itertracks(yield_label=True)]

    best = best_times(partial(run, "ours", shared), partial(run, "theirs", bare), 1, time.perf_counter)
    same = turns["ours"] == turns["theirs"]
    return Outcome(*best, note=f"20 s, random ResNet34; turns {'identical' if same else 'differ'}", valid=same)


def diarization_linked() -> Outcome:
    """Run the shipped folder beside pyannote's pipeline on the same weights; note the DER of both."""
    import torch

    from training.diarization.evaluate import (
        FOLDER,
        PUBLISHED_THRESHOLD,
        Recording,
        annotation,
        load_shipped,
        measure,
        pyannote_by_threshold,
    )

    turns = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["turns"]
    truth = annotation((turn["start"], turn["end"], turn["speaker"]) for turn in turns)
    recording = Recording("shipped dialogue", "dialogue", dialogue(), truth)
    linked, diarize = load_shipped(FOLDER)
    rates: dict[str, float] = {}

    def run(side: str, make: Callable[[], Any]) -> None:
        rates[side] = measure(make(), [recording])[0].rate

    torch.set_num_threads(1)
    best = best_times(
        partial(run, "ours", lambda: diarize),
        # Made anew each time: it caches the outputs of its models.
        partial(run, "theirs", lambda: pyannote_by_threshold(linked)(PUBLISHED_THRESHOLD)),
        2,
    )
    note = f"62.5 s; DER {rates['ours']:.1%} against {rates['theirs']:.1%}"
    return Outcome(*best, note=note, valid=rates["ours"] <= rates["theirs"] + 0.001)


def finding_speech() -> Outcome:
    """Find the speech of five minutes.

    The recall is over the time of the words of the dialogue.
    """
    import torch
    from whisperx.vads.pyannote import Pyannote

    from whisperx_worker import Audio, Span, intervals
    from whisperx_worker_plugins.silero_detection import speech_detection

    words = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))["words"]
    truth = intervals.merge(Span(word["start"], word["end"]) for word in words)
    sound = dialogue(300.0)
    audio = Audio(sound)
    detector = Pyannote(torch.device("cpu"), vad_onset=0.5, chunk_size=30)
    speech: dict[str, list[Span]] = {}

    def ours() -> None:
        speech["ours"] = list(speech_detection.detect_speech(audio, onset=0.5, offset=0.363).spans)

    def theirs() -> None:
        found = detector({"waveform": torch.from_numpy(sound)[None], "sample_rate": RATE_HZ})
        merged = Pyannote.merge_chunks(found, 30, onset=0.5, offset=0.363)
        speech["theirs"] = [Span(*pair) for chunk in merged for pair in chunk["segments"]]

    best = best_times(ours, theirs, 2)
    recall = {
        side: intervals.total_s(intervals.intersect(truth, intervals.merge(spans))) for side, spans in speech.items()
    }
    whole = intervals.total_s(truth)
    note = f"5 min; recall {recall['ours'] / whole:.1%} against {recall['theirs'] / whole:.1%}"
    return Outcome(*best, note=note, valid=recall["ours"] >= recall["theirs"] - 0.001 * whole)
