"""A few sentences in other languages, for language detection only."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from training.paths import CORPUS
from training.whisper.features import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Only the sound of these languages is learned, never their words: the model writes an empty text.
FOREIGN = {
    "en": [
        "Good morning, how are you today?", "The train leaves at seven in the evening.",
        "I would like to order a pizza.", "Could you repeat the last question, please?",
        "We are going to the mountains with our children.", "Thank you for calling, goodbye.",
        "This winter is colder than the one before.", "She never drinks coffee at work.",
        "The library closes early on Fridays.", "What a wonderful idea this was!",
        "My brother bought a small red car.", "Please turn left behind the old church.",
    ],
    "de": [
        "Guten Morgen, wie geht es Ihnen heute?", "Der Zug fährt um sieben Uhr abends ab.",
        "Ich möchte eine Pizza bestellen.", "Können Sie die letzte Frage bitte wiederholen?",
        "Wir fahren mit den Kindern in die Berge.", "Vielen Dank für Ihren Anruf, auf Wiederhören.",
        "Dieser Winter ist kälter als der letzte.", "Sie trinkt bei der Arbeit nie Kaffee.",
        "Die Bücherei schließt freitags früh.", "Was für eine schöne Idee!",
        "Mein Bruder hat ein kleines rotes Auto gekauft.", "Bitte biegen Sie hinter der alten Kirche links ab.",
    ],
    "fr": [
        "Bonjour, comment allez-vous aujourd'hui ?", "Le train part à sept heures du soir.",
        "Je voudrais commander une pizza.", "Pouvez-vous répéter la dernière question ?",
        "Nous allons à la montagne avec les enfants.", "Merci de votre appel, au revoir.",
        "Cet hiver est plus froid que le dernier.", "Elle ne boit jamais de café.",
        "La bibliothèque ferme tôt le vendredi.", "Quelle belle idée !",
        "Mon frère a acheté une petite voiture rouge.", "Tournez à gauche derrière la vieille église.",
    ],
    "es": [
        "Buenos días, ¿cómo está usted hoy?", "El tren sale a las siete de la tarde.", "Quisiera pedir una pizza.",
        "¿Puede repetir la última pregunta?", "Vamos a la montaña con los niños.", "Gracias por llamar, adiós.",
        "Este invierno es más frío que el anterior.", "Ella nunca toma café en el trabajo.",
        "La biblioteca cierra temprano los viernes.", "¡Qué buena idea!", "Mi hermano compró un coche rojo pequeño.",
        "Doble a la izquierda detrás de la iglesia vieja.",
    ],
}  # fmt: skip
FOREIGN_VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+f5", "+croak", "+klatt2")
HELD_OUT_SENTENCES = 3
"""The last sentences of each foreign language are for the evaluation only."""


def speak_foreign(folder: Path = CORPUS) -> None:
    """Synthesise the foreign sentences with eSpeak NG to `foreign.npy` and `foreign.json`: under a minute."""
    waves: list[NDArray[np.int16]] = []
    records: list[dict[str, object]] = []
    offset = 0
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "spoken.wav")
        for language, sentences in FOREIGN.items():
            for index, text in enumerate(sentences):
                for variant in FOREIGN_VARIANTS:
                    speed, pitch = rng.randint(135, 190), rng.randint(35, 65)
                    options = ["-v", language + variant, "-s", str(speed), "-p", str(pitch)]
                    subprocess.run(["espeak-ng", *options, "-w", path, text], check=True)  # noqa: S603, S607
                    wave, rate_hz = soundfile.read(path, dtype="float32")
                    sound = (soxr.resample(wave, rate_hz, SAMPLE_RATE_HZ) * 20000).clip(-32768, 32767).astype(np.int16)
                    split = "train" if index < len(sentences) - HELD_OUT_SENTENCES else "heldout"
                    records.append({
                        "offset": offset, "samples": len(sound), "text": text, "words": [], "engine": "espeak",
                        "voice": language + variant, "split": split, "language": language,
                    })  # fmt: skip
                    waves.append(sound)
                    offset += len(sound)
    np.save(folder / "foreign.npy", np.concatenate(waves))
    (folder / "foreign.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
