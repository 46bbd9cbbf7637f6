"""Errors that the plugin `python` tells in its own words."""

from __future__ import annotations


class ExpertError(Exception):
    """Something about an expert that its user can mend."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.hint = hint


class NonFiniteError(ExpertError):
    """A logit is not finite."""

    non_finite = True


class PackageError(Exception):
    """A package of experts that is not found, not what it should be, or not to be installed; the message says how to mend it."""
