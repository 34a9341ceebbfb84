"""Plugins that come with the worker.

They are found through the same entry-point group as third-party plugins.
"""
