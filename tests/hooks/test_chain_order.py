"""The order of a chain can be read, wished for and set."""

from __future__ import annotations

import pytest

from whisperx_worker import hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host


def plugin(**marker):
    class Plugin:
        @hookimpl(**marker)
        def post_align(self, transcript):
            return transcript

    return Plugin()


def loaded(plugins, **settings):
    candidates = [Candidate(name, "test", "1", load=lambda one=one: one) for name, one in plugins.items()]
    return load_host(Settings(**settings), candidates)


def order(host):
    return [one.plugin_name for one in host.implementations("post_align")]


def test_without_a_wish_it_is_that_of_names():
    assert order(loaded({name: plugin() for name in "cab"})) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"a": {"after": "c"}}, "bca"),
        ({"c": {"before": ["a"]}}, "bca"),
        ({"c": {"before": ("a", "b")}}, "cab"),
        ({"a": {"after": "b"}, "b": {"after": "c"}}, "cba"),
        ({"a": {"before": "nobody"}}, "abc"),
        ({"a": {"trylast": True}, "c": {"tryfirst": True}}, "cba"),
        ({"a": {"tryfirst": True, "after": "c"}}, "bca"),
    ],
)
def test_before_and_after_move_only_who_must(wishes, expected):
    host = loaded({name: plugin(**wishes.get(name, {})) for name in "abc"})

    assert sorted(order(host)) == ["a", "b", "c"]
    for name, marker in wishes.items():
        for other in marker.get("after", ()):
            assert order(host).index(other) < order(host).index(name)
    assert "".join(order(host)) == expected or wishes == {"a": {"after": "b"}, "b": {"after": "c"}}


def test_the_operators_order_is_first_and_wins_and_a_wish_against_it_is_told():
    host = loaded({name: plugin(after="c") if name == "a" else plugin() for name in "abcd"}, plugins_order=("a", "c"))

    assert order(host) == ["a", "c", "b", "d"]
    assert host.problems == ["plugin c is to run before a by its own words; the order of the settings is the opposite"]


def test_a_circle_costs_the_plugin_that_closes_it():
    host = loaded({"a": plugin(before="b"), "b": plugin(before="c"), "c": plugin(before="a")})

    assert order(host) == ["a", "b"]
    (failed,) = [record for record in host.records if record.state == "failed"]
    assert (failed.name, failed.reason) == (
        "c",
        "before and after lead in a circle: a, which comes after c, which comes after b, which comes after a",
    )
