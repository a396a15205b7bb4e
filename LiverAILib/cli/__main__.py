"""`python -m LiverAILib.cli`, where the `liverai` script is not on the path."""

import sys

from LiverAILib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
