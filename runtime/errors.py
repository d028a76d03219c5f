"""The exceptions that AMGAN raises for expected failures. The text is one sentence that names the remedy.

::

    AmganError                    exit code 1
    ├── UsageError                2: invalid arguments
    ├── MissingDependencyError    2: an optional package is not installed
    ├── PhotoError                a photo cannot be read or written
    ├── VideoError                a video cannot be read or written
    ├── NoFaceError               no face that can be aged (pipeline/face_filter.py)
    ├── DiskFullError             the disk of the output is full
    ├── BundleError               a bundle is missing, damaged, or too new
    └── EngineError               an engine cannot be opened, or failed
"""

from __future__ import annotations


class AmganError(Exception):
    """Base of every expected failure; its text is one sentence fit to show to a user.

    ``exit_code`` is what the command line returns when the error ends the command.
    """

    exit_code = 1


class UsageError(AmganError):
    """An argument is invalid (unknown zone, age out of range, ...)."""

    exit_code = 2


class PhotoError(AmganError):
    """A photo cannot be read or written."""


class VideoError(AmganError):
    """A video, or a folder of numbered frames, cannot be read or written."""


class DiskFullError(AmganError):
    """No space is left for the output, so later photos could not be written either."""


class BundleError(AmganError):
    """A bundle is missing, damaged, too new, or made for something else."""


class EngineError(AmganError):
    """An engine cannot be opened or failed while it ran."""


class MissingDependencyError(AmganError):
    """An optional package is not installed; the text names the feature and the install line."""

    exit_code = 2
