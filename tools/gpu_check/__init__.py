"""Measurements that need a GPU, as a table, in at most ten minutes.

    python -m tools.gpu_check                                      all of it; ends with 2 where there is no GPU
    python -m tools.gpu_check recognition                          the rows whose name begins so
    python -m tools.gpu_check --device cpu --layers 1 --quick      what makes sense on a CPU, to test this tool

Models are random ones of production's shapes (`tools.random_models`), written into `build/` the first time, and real
ones where `make real-models` has unpacked them. Each row runs in a fresh process, so that a GPU that one of them breaks
or fills does not affect the next. The table goes to `build/gpu-check.md` as well, to be put into
`bench/RESULTS.md`; the command ends with 1 where a row failed.
"""
