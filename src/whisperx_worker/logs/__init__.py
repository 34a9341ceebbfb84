"""Log of the worker and of each job, without secrets."""
