"""Plugins: hook specifications, loading, dispatch, and the job as they see it."""
