"""What the plugin API promised at 1.0 is there: names, arguments of hooks, fields of values. More may be there."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path

import pytest

import whisperx_worker
from whisperx_worker import API_VERSION
from whisperx_worker.hooks.host import kind_of, specification

PROMISED = json.loads((Path(__file__).parent / "api_1_0.json").read_text(encoding="utf-8"))


def test_this_worker_has_the_api_that_the_list_is_of():
    assert API_VERSION.partition(".")[0] == "1"


def test_the_public_names_are_there():
    assert set(PROMISED["names"]) - set(whisperx_worker.__all__) == set()


@pytest.mark.parametrize(("hook", "promised"), PROMISED["hooks"].items())
def test_a_hook_is_of_its_kind_and_has_its_arguments(hook, promised):
    kind, *arguments = promised
    assert kind_of(hook) == kind
    assert [name for name in arguments if name not in inspect.signature(specification(hook)).parameters] == []


@pytest.mark.parametrize(("name", "promised"), PROMISED["fields"].items())
def test_a_value_is_made_from_its_fields_in_their_order(name, promised):
    fields = [field.name for field in dataclasses.fields(getattr(whisperx_worker, name)) if field.init]
    assert fields[: len(promised)] == promised
