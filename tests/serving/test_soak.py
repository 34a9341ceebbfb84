"""A short soak; `make soak` is the long one."""

from __future__ import annotations

import pytest

from tests.soak import KINDS, soak


@pytest.mark.slow
@pytest.mark.models
def test_jobs_of_all_kinds_end_once_and_as_they_must(tmp_path):
    outcome = soak(30, tmp_path, seed=3)
    assert outcome.wrong == []
    assert sum(outcome.ended.values()) == 30 + 12
    assert outcome.replaced > 0
    assert len({name.split(":")[0] for name in outcome.ended}) > len(KINDS) / 2
