"""`python -m analyzer` is `vmtrace`."""

import os
import sys

# `-m` puts the current folder first: nothing that lies there shall be taken for a module.
if sys.path[0] == os.getcwd() != os.path.dirname(os.path.dirname(__file__)):
    del sys.path[0]

from analyzer.cli import main

main()
