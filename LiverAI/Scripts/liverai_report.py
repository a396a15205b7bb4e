"""Makes the report of a result that Slicer has saved, or DICOM objects of it, with libraries that stay out of Slicer's process.

Usage: PythonSlicer liverai_report.py LIBRARY_ROOT SOURCE OUTPUT

SOURCE is what `LiverAISlicer.export.saveForReport` wrote; OUTPUT gets all files of `liverai assess`, report.html among
them, or, where SOURCE has a list of the DICOM files that the images came from, DICOM objects.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Make them; an error is one line."""
    root, source, output = arguments
    sys.path.insert(0, root)
    from LiverAILib.console import print_any_character
    from LiverAILib.errors import UserError
    from LiverAILib.results.files import read_assessment, write_assessment

    print_any_character()
    try:
        assessment, files = read_assessment(source), Path(source) / "dicom_files.json"
        if files.exists():
            from LiverAILib.results.dicom import write_dicom_objects

            write_dicom_objects(assessment, output, sources=json.loads(files.read_text(encoding="utf-8")))
        else:
            write_assessment(assessment, output)
    except UserError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
