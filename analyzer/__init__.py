"""vmtrace finds out what the FreeBSD virtual-memory fault path really does on a live kernel."""

__version__ = "0.1.0"
