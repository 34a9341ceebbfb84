"""Exceptions with causes, for tests of what is judged by them."""


def raised(outer, inner, *, hidden=False):
    """The outer exception as it is caught, raised from the inner one, or while that was handled."""
    try:
        _raise(outer, inner, hidden=hidden)
    except type(outer) as error:
        return error


def _raise(outer, inner, *, hidden):
    try:
        raise inner
    except type(inner) as error:
        if hidden:
            raise outer from None
        raise outer from error
