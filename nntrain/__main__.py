"""`python -m nntrain` and the `nntrain` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from nntrain.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
