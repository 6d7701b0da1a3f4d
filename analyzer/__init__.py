"""vmtrace finds out what the FreeBSD virtual-memory fault path really does on a live kernel.

For a person at a prompt:

    >>> import analyzer
    >>> trace = analyzer.load("samples/13.2/leak.log.xz")       # tables as DataFrames
    >>> summary = analyzer.summarize("samples/13.2/leak.log.xz")    # what adds, of any number of logs
    >>> summary.df_path_costs(), summary.fig_overview()         # every analysis as a table or a figure
"""

from typing import TYPE_CHECKING

from analyzer.version import __version__

if TYPE_CHECKING:
    from analyzer.notebook import Summary, Trace, load, summarize

__all__ = ["Summary", "Trace", "__version__", "load", "summarize"]


def __dir__() -> list[str]:
    """What `import analyzer; analyzer.` completes to."""
    return __all__


def __getattr__(name: str) -> object:
    """Import pandas and the rest only when they are wanted: the FreeBSD box may not have them."""
    if name in __all__:
        from analyzer import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
