"""The first sentence of a comparison: whether a leak or a double free is gone, new, or still there, and how sure."""

from analyzer.analysis.compare import SIGNIFICANT, Comparison
from analyzer.analysis.coverage import is_complete
from analyzer.format import probability
from analyzer.verdict.finding import Certainty, Finding, Severity
from analyzer.verdict.verdict import Answer

Answers = dict[str, Answer]
# What is compared, by claim: its name, and the rates (analysis/compare.py) that test whether it got rarer.
_DEFECTS = {
    "lock-held": ("leak", ("faults that returned out of balance", "alarms: lock left held",
                           "failed moves in faults that left a lock held")),
    "double-free": ("double free", ("alarms: double free", "failed moves in faults that freed a page twice")),
}  # fmt: skip
_RENAME = {
    "there": "vm_page_rename still fails inside faults",
    "gone": "vm_page_rename no longer fails inside faults",
    "new": "vm_page_rename fails inside faults, as it did not before",
}


def change(found: Comparison, before: Answers, after: Answers) -> Finding:
    """The sentence: no number in it, so that none is read before what differs in kind."""
    states: dict[str, list[str]] = {}
    for key in _DEFECTS:
        states.setdefault(_state(_cases(before[key]), _cases(after[key])), []).append(key)
    rename = _failing(found, "vm_page_rename in a fault")

    def named(state: str, joint: str) -> str:
        return joint.join(_DEFECTS[key][0] for key in states[state])

    parts = [
        f"the {named(state, ' and the ')} {one if len(states[state]) == 1 else many}"
        for state, one, many in (
            ("gone", "is gone", "are gone"),
            ("new", "is new", "are new"),
            ("there", "is still there", "are still there"),
        )
        if state in states
    ]
    if parts:
        states.pop("none", None)  # the sentence does not speak of it
    elif "none" in states:
        parts = [f"neither side shows a {named('none', ' or a ')}"]
    text = " and ".join(parts) or "leaks and double frees cannot be compared"
    if rename in _RENAME:
        text += f", {'while' if 'gone' in states and rename == 'there' else 'and'} {_RENAME[rename]}"
    certainty, doubt, detail = _sureness(found, before, after, states, rename)
    if "unmeasured" in states and len(states) > 1:
        doubt += f"; the {named('unmeasured', ' and the ')} cannot be seen on both sides"
    return Finding("change", certainty, _severity(states, certainty), f"{text[0].upper()}{text[1:]}{doubt}.", detail)


def _cases(answer: Answer) -> int | None:
    """How many there were; None where the script has no eye for them."""
    return answer.count or 0 if answer.seen else None


def _state(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "unmeasured"
    return {(True, False): "gone", (False, True): "new", (True, True): "there"}.get((before > 0, after > 0), "none")


def _severity(states: dict[str, list[str]], certainty: Certainty) -> Severity:
    """How bad the change is: a leak or double free that is there after is a kernel bug."""
    if {"new", "there"} & states.keys():
        return "kernel bug"
    return "cannot tell" if certainty == "not measured" else "ordinary"


def _sureness(
    found: Comparison, before: Answers, after: Answers, states: dict[str, list[str]], rename: str
) -> tuple[Certainty, str, str]:
    """How sure the first sentence is, why no surer, and what that rests on.

    What is there must be proved, what is not there be clean; and that it was cured is shown only where what leads to
    it still happens, and often enough that none is no chance.
    """
    if set(states) == {"unmeasured"}:
        return "not measured", "", ""
    gone = states.get("gone", [])
    absent = [after[key] for key in gone] + [before[key] for key in states.get("new", ())]
    absent += [side[key] for key in states.get("none", ()) for side in (before, after)]
    shown = [before[key] for key in gone] + [after[key] for key in states.get("new", ())]
    shown += [side[key] for key in states.get("there", ()) for side in (before, after)]
    chances = {key: _chance(found, key) for key in gone}
    if gone and not is_complete(found.after):
        return "suspected", "; the trace after lost records, so an alarm can be among them: likely, not proved", ""
    if gone and rename == "gone":
        return "suspected", "; what led to it did not happen either, so no cure is shown", ""
    if gone and rename != "there" and found.kinds.loc[found.kinds["what"] == "command", "differs"].any():
        return "suspected", "; the load was another, so no cure is shown", ""
    if any(p >= SIGNIFICANT for p in chances.values()):
        told = "; ".join(f"the {_DEFECTS[key][0]}: p = {probability(p)}" for key, p in chances.items())
        return "suspected", "; it was so rare before that none after can be chance", f"Corrected for all tests, {told}."
    if any(answer.certainty != "proved" for answer in shown):
        return "suspected", "; records were lost, which can look like it", ""
    doubts = [answer.reason for answer in absent if answer.certainty != "clean"]
    if doubts:
        return "suspected", f"; that there is none is not shown: {doubts[0]}", ""
    return ("clean" if states.keys() <= {"none", "unmeasured"} else "proved"), "", ""


def _chance(found: Comparison, key: str) -> float:
    """The least p, corrected for all comparisons, of the rates that the defect shows in; 1 where none is tested."""
    mine = found.rates[found.rates["what"].isin(_DEFECTS[key][1])]
    return float(mine["corrected"].min()) if mine["corrected"].notna().any() else 1.0


def _failing(found: Comparison, function: str) -> str:
    mine = found.rates[found.rates["what"].str.startswith(f"{function}:")]
    before, after = (mine[f"hits_{side}"].fillna(0).sum() if len(mine) else 0 for side in ("before", "after"))
    return _state(before, after)
