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
