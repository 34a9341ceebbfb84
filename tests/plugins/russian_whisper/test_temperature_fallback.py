"""Temperatures of the fallback."""

import pytest

from whisperx_worker_plugins.russian_whisper.temperature_fallback import temperature_ladder


@pytest.mark.parametrize(
    ("first", "step", "ladder"),
    [
        (0.0, 0.2, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, None, [0.0]),
        (0.5, 0.3, [0.5, 0.8]),
        (1.0, 0.2, [1.0]),
        (0.0, 0.05, [round(0.05 * n, 2) for n in range(21)]),
    ],
)
def test_the_ladder_climbs_from_the_first_temperature_to_one(first, step, ladder):
    assert temperature_ladder(first, step) == ladder
