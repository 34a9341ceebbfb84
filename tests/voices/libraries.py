"""Voices of made people, and libraries of them."""

from __future__ import annotations

import hashlib

import numpy as np

from whisperx_worker.voices.learning import RecordedVoice
from whisperx_worker.voices.library import NewVoice
from whisperx_worker.voices.voiceprint import Voiceprint

DIMENSION = 64
THRESHOLD = 0.6
MODEL, REVISION = "encoder", "r1"


def embedding(person, take=0, spread=0.06):
    """An embedding of a person; takes of one person have a cosine of about 0.8, people of about 0."""
    own = np.random.default_rng([7, person]).normal(size=DIMENSION)
    own /= np.linalg.norm(own)
    vector = own + spread * np.random.default_rng([8, person, take]).normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def leaning(towards, direction=97):
    """An embedding with these cosines to people's own directions, and for the rest in a direction of its own."""
    rest = (1 - sum(cosine**2 for cosine in towards.values())) ** 0.5
    return middle(*(cosine * embedding(person, spread=0) for person, cosine in towards.items()),
                  rest * embedding(direction, spread=0))  # fmt: skip


def middle(*vectors):
    """The mean direction of embeddings."""
    total = sum(vectors)
    return (total / np.linalg.norm(total)).astype(np.float32)


def voiceprint(vector, speech_s=10.0, revision=REVISION):
    return Voiceprint(vector, MODEL, revision, speech_s)


def content(name):
    return hashlib.sha256(str(name).encode()).digest()


def recorded(*vectors, speech_s=10.0):
    """Voices of one recording, labelled in order."""
    return [RecordedVoice(f"SPEAKER_{at:02}", voiceprint(vector, speech_s)) for at, vector in enumerate(vectors)]


def sample(vector, name, pcm=None, revision=REVISION):
    return NewVoice(voiceprint(vector, revision=revision), "enrolled", content(name), f"{name}.wav", pcm=pcm)
