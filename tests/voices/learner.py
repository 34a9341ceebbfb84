"""Process that learns recordings into a library, and writes the name of each into a file once it is confirmed.

Arguments: library, file of confirmed recordings, number of the process, how many recordings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.voices.libraries import THRESHOLD, content, embedding, recorded
from whisperx_worker.voices.learning import name_voices
from whisperx_worker.voices.library import open_library


def main():
    path, confirmed, process, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with confirmed.open("a") as file:
        for number in range(count):
            name = f"{process}-{number}"
            with open_library(path, create=True) as library:
                voices = recorded(embedding(number % 4, 100 * process + number), embedding(4 + process, number))
                name_voices(library, voices, content(name), threshold=THRESHOLD, title=name, learn=True)
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())


main()
