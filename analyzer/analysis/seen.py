"""What the script of a log can show on its release (analyzer/measures.py)."""

from analyzer import measures
from analyzer.summary.summary import LogSummary


def why_unseen(log: LogSummary, *names: str) -> str:
    """Why none of these measures can be seen in the log; "" where one can."""
    script = log.meta.get("script")
    if script is None:
        return "the log does not name its script"
    edition, osreldate = log.once(_edition), log.meta.get("osreldate")
    reasons = [measures.why_unseen(name, script, edition, osreldate) for name in names]
    # What cannot be said without it stands before the colon; whoever asks knows that.
    return str(reasons[0]).partition(": ")[2] if all(reasons) else ""


def _edition(log: LogSummary) -> int:
    columns = {tag: [name for name, _ in fields] for tag, fields in log.meta.get("fields", {}).items()}
    return measures.edition(columns, log.meta.get("edition"))
