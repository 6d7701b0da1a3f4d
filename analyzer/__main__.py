"""`python -m analyzer` is `vmtrace`."""

from analyzer.cli import main

main()
