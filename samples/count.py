"""Count what a recording holds, line by line, for known.json; it shares nothing with vmtrace.

    python samples/count.py samples/13.2/large.log.xz

Records are told by the number of columns that #fields names; a line of a known tag with another number is unreadable.
"""

import json
import lzma
import sys
from collections import Counter, defaultdict


def count(text: str) -> dict[str, object]:
    fields = {"P": ["ts", "cpu", "pid", "tid", "message", "execname"]}  # the clauses of a panic declare no columns
    found: dict[str, Counter[str]] = defaultdict(Counter)
    counters: dict[str, dict[str, int]] = {"before": {}, "after": {}}
    messages: list[str] = []
    imbalanced: list[list[object]] = []
    unreadable = 0
    complete = watch = False
    osreldate = 0
    section = ""
    *whole, cut = text.split("\n")
    for line in whole:
        words = line.split("\t")
        if line.startswith("#"):
            section = ""
            match words[0]:
                case "#fields":
                    # A stack is the lines that follow.
                    fields[words[1]] = [word.split(":")[0] for word in words[2:] if not word.endswith(":stack")]
                case "#counter.before" | "#counter.after":
                    counters[words[0].partition(".")[2]][words[1]] = int(words[2])
                case "#osreldate":
                    osreldate = int(words[1])
                case "#script":
                    watch = words[1] == "vmwatch"
                case "#end":
                    complete = True
                case "#aggregation" if watch:
                    section = words[1]
        elif line.startswith("dtrace: "):
            messages.append(line.removeprefix("dtrace: "))
        elif words[0] in fields:
            section = ""
            if len(words) != len(fields[words[0]]) + 1:
                unreadable += 1
                continue
            record = dict(zip(fields[words[0]], words[1:], strict=True))
            found["records"][words[0]] += 1
            if "path" in record and (osreldate < 1500000 or "frees" not in record):
                record["path"] = _own(int(record["path"], 16))
            _record(found, words[0], record, imbalanced)
        elif section:
            _watched(found["watch"], section, line, words)
    grown = {name: after - counters["before"][name] for name, after in counters["after"].items()}
    unreadable += bool(cut)
    known: dict[str, object] = {"complete": complete, "unreadable_records": unreadable, "records": {}}
    known |= {name: dict(sorted(counted.items())) for name, counted in found.items() if counted}
    known |= {"counter_growth": grown} if grown else {}
    known |= {"dtrace_messages": messages} if messages else {}
    known |= {"imbalanced": imbalanced} if imbalanced else {}
    return dict(sorted(known.items()))


def _own(path: int) -> str:
    """The path without `zero` where no page was allocated: a page table was zeroed."""
    return hex(path - 2 if path & 0x22 == 2 else path)


def _record(found: dict[str, Counter[str]], tag: str, record: dict[str, str], imbalanced: list[list[object]]) -> None:
    if tag == "F":
        found["results"][record["rc"]] += 1
        found["paths"][record["path"]] += 1
        found["execnames"][record["execname"].removesuffix("\\0")] += 1
        if record.get("lockxor", "0x0") != "0x0":
            imbalanced.append([record["tid"], int(record["acq"]) - int(record["rel"]), record["lockxor"]])
    elif tag == "M":
        found["moves"][f"{record['fn']} rc={record['rc']} infault={record['infault']}"] += 1
    elif tag == "A":
        found["alloc_failures"][f"infault={record['infault']}"] += 1
    elif tag == "X":
        found["alarms"][f"{record['kind']} object={record['object']} page={record['page']}"] += 1
    elif tag == "C":
        found["calls"][record["fn"]] += int(record["calls"])


def _watched(found: Counter[str], section: str, line: str, words: list[str]) -> None:
    """One line of a section of vmwatch."""
    number = int(words[-1]) if words[-1].strip().isdigit() else None
    match section:
        case "process" if number is not None:
            found["faults by process"] += number
            found[f"faults rc={words[1]}"] += number
        case "moves" if number is not None:
            found[f"moves {words[0]} rc={words[1]} infault={words[2]}"] += number
        case "moldbusy" if number is not None:
            found[f"moldbusy {words[0]}"] += number
        case "sites" if number is not None and len(line.split()) == 1:
            found["failed inserts by stack"] += number
        case "latency" if "|" in line:
            found["faults by latency"] += int(line.rpartition("|")[2].strip("@ "))


def main() -> None:
    for path in sys.argv[1:]:
        with lzma.open(path, "rt", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            known = count(file.read())
        print(json.dumps({path.rpartition("/")[2]: known}, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
