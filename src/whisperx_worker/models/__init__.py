"""Models: found, downloaded, loaded and kept."""
