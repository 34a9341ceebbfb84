"""Small real models that come with the package: for the demo, the tests and the benchmarks, never for production."""
