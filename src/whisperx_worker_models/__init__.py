"""Small real models that ship with the package, for demo, tests and benchmarks, not for production."""
