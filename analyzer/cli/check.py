"""vmtrace check: rules that a trace must keep, for CI and kyua."""

import re
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli.files import Force, ending_of, require_writable, write
from analyzer.cli.options import STEPS, Jobs, Logs, NoCache, read_logs
from analyzer.errors import DataError, NoInputError, UsageError
from analyzer.packages import import_arrow_alone

if TYPE_CHECKING:  # pyarrow comes with it
    from analyzer.verdict.check import Rules

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_KEYS = ("max-imbalance", "max-failure-rate", "max-p99", "min-coverage")


class CheckFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


_ENDINGS = {".txt": CheckFormat.TEXT, ".json": CheckFormat.JSON, ".xml": CheckFormat.JUNIT}


def check(
    logs: Logs,
    baseline: Annotated[list[str] | None, typer.Option(metavar="LOG", help="What max-p99 compares with.")] = None,
    max_imbalance: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Locks that may be left held; default 0.")
    ] = None,
    max_failure_rate: Annotated[
        list[str] | None, typer.Option(metavar="FUNCTION=SHARE", help="As vm_page_rename=0.1%; may be repeated.")
    ] = None,
    max_p99: Annotated[
        list[str] | None, typer.Option(metavar="PATH=+SHARE", help="As copy=+20%, slower than the baseline's.")
    ] = None,
    min_coverage: Annotated[
        str | None, typer.Option(metavar="SHARE", help="As 99%: gaps within that are forgiven; default: none is.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file of rules; options go before it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there: .txt .json .xml.")
    ] = None,
    form: Annotated[CheckFormat | None, typer.Option("--format", help="Default: what -o ends in, else text.")] = None,
    force: Force = False,
    jobs: Jobs = None,
    no_cache: NoCache = False,
) -> None:
    """Exit with 0 where all rules are kept, 1 where one is broken, 2 where the trace cannot tell.

    A double free is never allowed, where the log records frees.
    """
    import_arrow_alone()
    from analyzer.report import checked as written
    from analyzer.verdict.check import check as judge

    inputs = [*logs, *(baseline or ()), *([str(rules)] if rules else ())]
    require_writable(output, inputs, force)
    form = form or ending_of(output, _ENDINGS) or CheckFormat.TEXT
    given = {"max-imbalance": max_imbalance, "min-coverage": min_coverage}
    wanted = _rules(_read(rules) | {key: value for key, value in given.items() if value is not None}, rules)
    wanted = _with(wanted, max_failure_rate or (), max_p99 or ())
    log = read_logs(logs, None, jobs, None, no_cache)
    before = read_logs(baseline, None, jobs, None, no_cache).total() if baseline else None
    found = judge(log, wanted, before)
    render = {
        CheckFormat.TEXT: written.check_text,
        CheckFormat.JSON: written.check_json,
        CheckFormat.JUNIT: written.check_junit,
    }[form]
    text = render(found, [str(part.meta["name"]) for part in log.logs])
    write(output, text)
    raise typer.Exit(found.exit_code)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoInputError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # a number of 5000 digits and 1000 brackets are TOML, and no rule
        raise DataError(f"{path}: is no TOML: {error}") from None
    for key, value in read.items():
        if key not in _KEYS:
            raise DataError(f"{path}: {key}: is no rule; the rules are {', '.join(_KEYS)}")
        if isinstance(value, dict) != (key in ("max-failure-rate", "max-p99")):
            raise DataError(f'{path}: {key}: write max-imbalance = 0, min-coverage = "99%", [max-p99] copy = "+20%"')
    return read


def _rules(read: dict[str, Any], path: Path | None) -> "Rules":
    from analyzer.verdict.check import Rules

    imbalance = read.get("max-imbalance", 0)
    if not isinstance(imbalance, int) or isinstance(imbalance, bool) or imbalance < 0:
        raise DataError(f"{path}: max-imbalance: {imbalance!r} is no whole number from 0 on")
    coverage = read.get("min-coverage")
    return Rules(
        imbalance,
        dict(_failure_rule(name, value) for name, value in read.get("max-failure-rate", {}).items()),
        dict(_p99_rule(name, value) for name, value in read.get("max-p99", {}).items()),
        None if coverage is None else _share("min-coverage", coverage),
    )


def _with(rules: "Rules", rates: Iterable[str], percentiles: Iterable[str]) -> "Rules":
    """The rules with those of the command line, which go before."""
    from dataclasses import replace

    def parted(option: str, text: str) -> tuple[str, str]:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"{option} {text}: write NAME=SHARE")
        return name, value

    failing = dict(_failure_rule(*parted("--max-failure-rate", text)) for text in rates)
    slow = dict(_p99_rule(*parted("--max-p99", text)) for text in percentiles)
    return replace(rules, max_failure_rate=rules.max_failure_rate | failing, max_p99=rules.max_p99 | slow)


def _failure_rule(function: str, value: object) -> tuple[str, float]:
    from analyzer.verdict.check import FUNCTIONS

    if function not in FUNCTIONS:
        raise UsageError(f"max-failure-rate {function}: is not counted; the functions are {', '.join(FUNCTIONS)}")
    return function, _share(f"max-failure-rate {function}", value)


def _p99_rule(path: str, value: object) -> tuple[str, float]:
    for step in path.split("+"):
        if step not in STEPS:
            raise UsageError(f"max-p99 {path}: {step} is no step of a fault; the steps are {', '.join(STEPS)}")
    text = str(value)
    if not text.startswith("+"):
        raise UsageError(f"max-p99 {path}={text}: say how much slower than the baseline: {path}=+20%")
    return path, _share(f"max-p99 {path}", text[1:])


def _share(rule: str, value: object) -> float:
    match = _SHARE.fullmatch(str(value).strip())
    if match is None:
        raise UsageError(f"{rule}: {value} is no share; write it as 0.1%")
    return float(match[1]) / 100
