"""What a check found, for people, programs and test suites."""

import xml.etree.ElementTree as ET
from dataclasses import asdict

from analyzer.format import visible
from analyzer.report.as_json import printable_json
from analyzer.verdict.check import Check, Outcome

_WORDS = {"kept": "ok", "broken": "BROKEN", "cannot tell": "CANNOT TELL"}


def check_text(checked: Check, names: list[str]) -> str:
    """What was asked, a line a log, and one line a rule."""
    logs = [f"{visible(name)}: {visible(scope)}" for name, scope in zip(names, checked.scopes, strict=True)]
    lines = [f"{_WORDS[rule.outcome]}: {visible(rule.rule)}: {visible(rule.text)}" for rule in checked.rules]
    return "\n".join([*logs, *lines]) + "\n"


def check_json(checked: Check, names: list[str]) -> str:
    whole = {
        "vmtrace_check": 1,
        "logs": names,
        "scopes": checked.scopes,
        "exit": checked.exit_code,
        "rules": [asdict(rule) for rule in checked.rules],
    }
    return printable_json(whole, indent=1) + "\n"


def check_junit(checked: Check, names: list[str]) -> str:
    """JUnit XML: a broken rule is a failure, one that cannot be told is an error."""
    signs: dict[Outcome, str] = {"broken": "failure", "cannot tell": "error"}
    outcomes = [rule.outcome for rule in checked.rules]
    counts = {f"{sign}s": str(outcomes.count(outcome)) for outcome, sign in signs.items()}
    suite = ET.Element("testsuite", {"name": "vmtrace check", "tests": str(len(checked.rules)), **counts})
    properties = ET.SubElement(suite, "properties")
    for name, scope in zip(names, checked.scopes, strict=True):
        ET.SubElement(properties, "property", {"name": visible(name), "value": visible(scope)})
    for rule in checked.rules:
        where = visible(", ".join(names))
        case = ET.SubElement(suite, "testcase", {"classname": where, "name": visible(rule.rule)})
        if rule.outcome in signs:
            ET.SubElement(case, signs[rule.outcome], {"message": visible(rule.text)})
        else:
            ET.SubElement(case, "system-out").text = visible(rule.text)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
