"""Plugins written for older public names run unchanged, and are told the new ones."""

import importlib
import warnings

import pytest

import whisperx_worker
from whisperx_worker import ModelCache, OomBackoff, Span, intervals
from whisperx_worker.testing import make_job

RENAMED = [
    ("whisperx_worker", "Fitting", OomBackoff),
    ("whisperx_worker", "ModelShelf", ModelCache),
    ("whisperx_worker", "NeededModel", whisperx_worker.ModelRequirement),
    ("whisperx_worker", "spans", intervals),
    ("whisperx_worker.intervals", "joined", intervals.merge),
    ("whisperx_worker.intervals", "outside", intervals.gaps),
    ("whisperx_worker.intervals", "shared", intervals.intersect),
]


@pytest.mark.parametrize(("module", "old", "current"), RENAMED)
def test_an_old_name_is_the_new_thing_and_warns_where_it_is_used(module, old, current):
    with pytest.warns(
        DeprecationWarning, match=rf"\.{old} is deprecated: use .*{current.__name__.split('.')[-1]}$"
    ) as caught:
        assert getattr(importlib.import_module(module), old) is current
    assert [warning.filename for warning in caught] == [__file__]


def test_an_old_plugin_works_through_the_old_names():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from whisperx_worker import Fitting, ModelShelf, spans

        answers = Fitting(make_job(), "align").sized(4, lambda size: [size])
        with ModelShelf().borrow("key", lambda: "model") as model:
            merged = spans.joined([Span(1.0, 2.0), Span(0.0, 1.5)])
    assert (answers, model, merged) == ([4], "model", [Span(0.0, 2.0)])
    assert {warning.filename for warning in caught} == {__file__}


def test_a_name_that_never_was_is_still_an_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = whisperx_worker.nothing
    with pytest.raises(AttributeError, match="nothing"):
        _ = intervals.nothing


def test_an_observer_that_is_assigned_by_its_old_name_is_called():
    job, seen = make_job(), []
    with pytest.warns(
        DeprecationWarning, match=r"Job\.on_progress is deprecated: use Job\.observers\.progress"
    ) as caught:
        job.on_progress = lambda stage, fraction: seen.append((stage, fraction))
    job.progress("transcribe", 0.5)
    assert seen == [("transcribe", 0.5)]
    assert [warning.filename for warning in caught] == [__file__]


def test_models_tell_of_each_use_by_the_old_name_too():
    uses = []
    with pytest.warns(DeprecationWarning, match=r"use ModelCache\(on_use=\)$") as caught:
        models = ModelCache(on_borrowed=uses.append)
    with models.watched(uses.append).use("key", object):
        assert [use.model for use in uses] == ["key"]
    assert [warning.filename for warning in caught] == [__file__]
