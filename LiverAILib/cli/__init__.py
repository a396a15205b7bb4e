"""The command line: `liverai assess | segment | batch | cohort | train | evaluate | simulate | demo | models`.

One file per command, each a few calls of the library. What a user did wrong ends in one line on standard error and exit code 2.
"""

from LiverAILib.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
