"""Errors that a person can act on."""


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that names what was given, the rule it breaks and the fix. The command line prints it
    without a traceback and exits with code 2; the Slicer panel shows it in a dialog.
    """


class SeveralValuesError(UserError):
    """An image with several values per voxel, where one is needed."""
