"""Door for programs that run jobs themselves; the code is in `pipeline.worker` and `pipeline.outcome`."""

from whisperx_worker.hooks.job import Observers
from whisperx_worker.pipeline.outcome import Outcome, answer, run_request
from whisperx_worker.pipeline.worker import Worker, open_worker, warm_up

__all__ = ["Observers", "Outcome", "Worker", "answer", "open_worker", "run_request", "warm_up"]
