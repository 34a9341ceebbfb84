"""Times of channels that lie one after the other are mapped to the recording's own, and back onto nothing else."""

import doctest

import pytest

from whisperx_worker import Span
from whisperx_worker.results import channel_folding, channel_layout, repeated_words
from whisperx_worker.results.channel_layout import NO_CHANNELS, ChannelLayout, channel_labels
from whisperx_worker.types import Warned

LAYOUT = ChannelLayout((Span(0.0, 30.0), Span(40.0, 70.0), Span(80.0, 110.0)))


@pytest.mark.parametrize("module", [channel_layout, channel_folding, repeated_words])
def test_the_examples_are_true(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0


@pytest.mark.parametrize(
    ("start", "end", "pieces"),
    [
        (2.0, 3.0, [(0, Span(2.0, 3.0))]),
        (29.0, 33.0, [(0, Span(29.0, 30.0))]),
        (29.0, 41.0, [(0, Span(29.0, 30.0)), (1, Span(40.0, 41.0))]),
        (20.0, 90.0, [(0, Span(20.0, 30.0)), (1, Span(40.0, 70.0)), (2, Span(80.0, 90.0))]),
        (31.0, 32.0, [(0, Span(30.0, 30.0))]),
        (38.0, 39.0, [(1, Span(40.0, 40.0))]),
        (109.0, 200.0, [(2, Span(109.0, 110.0))]),
        (50.0, 50.0, [(1, Span(50.0, 50.0))]),
    ],
)
def test_an_interval_is_split_at_seams_and_kept_inside_channels(start, end, pieces):
    assert list(LAYOUT.split(start, end)) == pieces


@pytest.mark.parametrize(
    ("span", "warned"),
    [
        (None, Warned("lost")),
        (Span(41.0, 42.0), Warned("lost", Span(1.0, 2.0), 1)),
        (Span(0.0, 110.0), Warned("lost", Span(0.0, 30.0))),
        (Span(29.0, 41.0), Warned("channel 0, 29.00-30.00 s; channel 1, 0.00-1.00 s: lost")),
    ],
)
def test_a_warning_has_the_place_in_the_recording(span, warned):
    assert LAYOUT.warned("lost", span) == warned


def test_a_warning_of_a_channel_names_it_before_the_times():
    assert str(Warned("lost", Span(1.0, 2.0), 1)) == "channel 1, 1.00-2.00 s: lost"
    assert str(Warned("lost", Span(1.0, 2.0))) == "1.00-2.00 s: lost"
    assert str(Warned("lost", channel=1)) == "channel 1: lost"


def test_without_channels_everything_is_as_it_is():
    assert not NO_CHANNELS
    assert NO_CHANNELS.describe([Span(1.0, 2.0), Span(41.0, 42.0)]) == "1.00-2.00, 41.00-42.00 s"
    assert NO_CHANNELS.warned("lost", Span(1.0, 2.0)) == Warned("lost", Span(1.0, 2.0))


def test_a_channel_without_a_name_has_a_label():
    assert channel_labels(3, ["Анна", "Борис"]) == ("Анна", "Борис", "CHANNEL_2")
