"""Progress bar of a job on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker.hooks.job import OnProgress


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[OnProgress]:
    """Show a bar for the current stage, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage, _fraction: None
        return
    from tqdm import tqdm

    with tqdm(total=100, bar_format="{desc:<11} {bar} {n:.0f} % {elapsed}", leave=False) as bar:
        running: dict[str, float] = {}

        def report(stage: str, fraction: float) -> None:
            running[stage] = fraction
            if fraction >= 1:
                del running[stage]
            # Of stages that run side by side, the one that began first.
            shown, done = next(iter(running.items()), (stage, fraction))
            bar.set_description_str(shown, refresh=False)
            bar.n = 100 * done
            bar.refresh()

        yield report
