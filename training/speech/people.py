"""Voices of the corpus: those of the synthesisers, and people made of them."""

import random

from training.speech.utterance import Voice

KNOWN_RHVOICE = ("Anna", "Aleksandr", "Irina")
UNHEARD_RHVOICE = "Elena"
ESPEAK_VARIANTS = [
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Gene2", "Henrique", "Hugo", "Jacky",
    "Lee", "Marco", "Mario", "Michael", "Mike", "Mr", "Nguyen", "RicishayMax", "RicishayMax2", "RicishayMax3",
    "Storm", "adam", "anika", "announcer", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david",
    "ed", "edward", "edward2", "f1", "f2", "f3", "f4", "f5", "grandma", "grandpa", "gustave", "iven", "iven2",
    "iven3", "iven4", "john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6", "linda",
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo", "max", "michel", "miguel", "norbert", "pablo",
    "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor",
    "zac",
]  # fmt: skip
VOICES_PER_PERSON = 30


def rhvoice_people(rng: random.Random) -> list[Voice]:
    """Draw RHVoice people: the known voices, and changes of their formants, pitch and rate."""
    people = [Voice("rhvoice", base, base.lower()) for base in KNOWN_RHVOICE]
    for base in KNOWN_RHVOICE:
        for number in range(1, VOICES_PER_PERSON):
            formants = rng.uniform(0.85, 1.2)
            pitch = rng.uniform(0.75, 1.3) / formants
            rate = rng.uniform(0.85, 1.2) / formants
            people.append(Voice("rhvoice", base, f"{base.lower()}-{number}", pitch, rate, formants))
    return people


def espeak_people(rng: random.Random) -> list[Voice]:
    """Draw eSpeak NG people: every variant, and two changes of each."""
    people = [Voice("espeak", variant, variant) for variant in ESPEAK_VARIANTS]
    for variant in ESPEAK_VARIANTS:
        for number in (1, 2):
            formants = rng.uniform(0.85, 1.18)
            people.append(
                Voice(
                    "espeak",
                    variant,
                    f"{variant}-{number}",
                    rng.uniform(0.6, 1.7),
                    rng.uniform(0.75, 1.2) / formants,
                    formants,
                )
            )
    return people
