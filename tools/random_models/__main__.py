"""Command line of the random models."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools import random_models


def main() -> None:
    """Write the models into the folder that is named."""
    parser = argparse.ArgumentParser(
        description=random_models.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the models folder")
    parser.add_argument("--layers", type=int, help="depth of the models, where it can be chosen")
    options = parser.parse_args()
    random_models.make_models(options.folder, options.layers)


if __name__ == "__main__":
    main()
