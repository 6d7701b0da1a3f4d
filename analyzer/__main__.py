"""`python -m analyzer` is `vmtrace`."""

import os
import sys

# `-m` puts the current folder first: nothing that lies there shall be taken for a module.
if sys.path[0] == os.getcwd() != os.path.dirname(os.path.dirname(__file__)):
    del sys.path[0]


def main() -> None:
    """Run the command line; an interrupt while it is imported is one too."""
    try:
        from analyzer.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("vmtrace: interrupted\n")
        os._exit(130)
    run()


if __name__ == "__main__":
    main()
