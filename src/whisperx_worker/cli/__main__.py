"""Door for `python -m whisperx_worker.cli`."""

from whisperx_worker.cli.main import main

main()
