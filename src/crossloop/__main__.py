"""`python -m crossloop`."""

import sys

from crossloop.cli import main

if __name__ == "__main__":
    sys.exit(main())
