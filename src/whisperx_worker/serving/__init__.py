"""The worker behind RunPod's queue and local API."""
