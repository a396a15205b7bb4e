"""Makes the report of a result that Slicer has saved, with its pictures, which need libraries that stay out of Slicer's process.

Usage: PythonSlicer liverai_report.py LIBRARY_ROOT SOURCE OUTPUT

SOURCE is what `LiverAISlicer.export.saveForReport` wrote; OUTPUT gets all files of `liverai assess`, report.html among them.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Make the report; an error is one line."""
    root, source, output = arguments
    sys.path.insert(0, root)
    from LiverAILib.console import print_any_character
    from LiverAILib.errors import UserError
    from LiverAILib.results.files import read_assessment, write_assessment

    print_any_character()
    try:
        write_assessment(read_assessment(source), output)
    except UserError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
