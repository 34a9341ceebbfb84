import pytest

from tests.runpod_server import actor_environment, workers_in


@pytest.fixture
def start(tmp_path, runpod_server):
    """Start workers with the actor for an engine."""
    environment = {**actor_environment(tmp_path / "plugins"), **runpod_server.environment()}
    with workers_in(tmp_path) as start:
        yield lambda *arguments, **settings: start(
            environment | {f"WHISPERX_WORKER_{name.upper()}": str(value) for name, value in settings.items()},
            *arguments,
        )
