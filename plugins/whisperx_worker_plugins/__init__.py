"""The plugins that come with the worker; they enter by the same entry-point group as everybody else's."""
