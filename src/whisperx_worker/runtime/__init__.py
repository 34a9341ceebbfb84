"""The machine and this process: memory, GPU, imports, failures of libraries, RunPod's SDK."""
