"""vmtrace finds out what the FreeBSD virtual-memory fault path really does on a live kernel.

For a person at a prompt:

    >>> import analyzer
    >>> trace = analyzer.load("samples/13.2/leak.log.xz")       # tables as DataFrames
    >>> summary = analyzer.summarize(["samples/13.2/leak.log.xz"])  # what adds, of any number of logs
"""

__version__ = "0.1.0"

_LAZY = {
    "load": "analyzer.ingest.trace",
    "Trace": "analyzer.ingest.trace",
    "summarize": "analyzer.analysis.summarize",
    "Summary": "analyzer.analysis.summary",
}
__all__ = ["Summary", "Trace", "__version__", "load", "summarize"]


def __getattr__(name: str) -> object:
    """Import pandas and the rest only when they are wanted: the FreeBSD box may not have them."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
