"""What a check found, for people, programs and test suites."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict

from analyzer.format import visible
from analyzer.verdict.check import Checked, exit_code

_WORDS = {"kept": "ok", "broken": "BROKEN", "cannot tell": "CANNOT TELL"}


def check_text(checked: list[Checked], names: list[str]) -> str:
    """One line a rule."""
    lines = [f"{_WORDS[rule.outcome]}: {visible(rule.rule)}: {visible(rule.text)}" for rule in checked]
    return "\n".join([", ".join(map(visible, names)), *lines]) + "\n"


def check_json(checked: list[Checked], names: list[str]) -> str:
    whole = {"vmtrace_check": 1, "logs": names, "exit": exit_code(checked), "rules": [asdict(rule) for rule in checked]}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def check_junit(checked: list[Checked], names: list[str]) -> str:
    """JUnit XML: a broken rule is a failure, one that cannot be told is an error."""
    signs = {"broken": "failure", "cannot tell": "error"}
    counts = {f"{sign}s": str(sum(rule.outcome == outcome for rule in checked)) for outcome, sign in signs.items()}
    suite = ET.Element("testsuite", {"name": "vmtrace check", "tests": str(len(checked)), **counts})
    for rule in checked:
        where = visible(", ".join(names))
        case = ET.SubElement(suite, "testcase", {"classname": where, "name": visible(rule.rule)})
        if rule.outcome in signs:
            ET.SubElement(case, signs[rule.outcome], {"message": visible(rule.text)})
        else:
            ET.SubElement(case, "system-out").text = visible(rule.text)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
