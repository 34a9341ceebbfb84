"""Door for programs that run jobs themselves; the code is in `pipeline.worker`."""

from whisperx_worker.pipeline.worker import Worker, answer, open_worker, warm_up

__all__ = ["Worker", "answer", "open_worker", "warm_up"]
