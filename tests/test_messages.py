"""dtrace's messages: every form of the facts sheet and every one in the recordings."""

import lzma
import re
from pathlib import Path

import pytest

from analyzer.ingest.messages import parse_message

ROOT = Path(__file__).parent.parent

FORMS = {
    "3 drops on CPU 1": ("drop", 3, "CPU 1"),
    "1 drop on CPU 0": ("drop", 1, "CPU 0"),
    "[DTRACEDROP_PRINCIPAL] 9250 drops on CPU 0": ("drop", 9250, "CPU 0"),
    "7 aggregation drops on CPU 12": ("aggregation-drop", 7, "CPU 12"),
    "[DTRACEDROP_AGGREGATION] 1 aggregation drop on CPU 2": ("aggregation-drop", 1, "CPU 2"),
    "38 dynamic variable drops with non-empty rinsing list": ("dynamic-variable-drop", 38, ""),
    "[DTRACEDROP_DYNDIRTY] 2 dynamic variable drops with non-empty dirty list": ("dynamic-variable-drop", 2, ""),
    "1 dynamic variable drop": ("dynamic-variable-drop", 1, ""),
    "4 speculative drops": ("speculation-drop", 4, ""),
    "[DTRACEDROP_SPEC] 1 speculative drop": ("speculation-drop", 1, ""),
    "2 failed speculations (available buffer(s) still busy)": ("speculation-drop", 2, ""),
    "1 failed speculation (no speculative buffer available)": ("speculation-drop", 1, ""),
    "5 jstack()/ustack() string table overflows": ("string-overflow", 5, ""),
    "[DTRACEDROP_DBLERROR] 6 errors in ERROR probe enabling": ("error", 6, ""),
    "error on enabled probe ID 1 (ID 21928: fbt:kernel:vm_fault:entry): invalid address (0x0) in action #2 at DIF "
    "offset 4": ("error", 1, "fbt:kernel:vm_fault:entry"),
    "error on enabled probe ID 3 (ID 1: dtrace:::BEGIN): divide-by-zero in predicate at DIF offset 8": (
        "error",
        1,
        "dtrace:::BEGIN",
    ),
    'error on enabled probe ID 2 (ID 9: a:b:c:d): couldn\'t set option "x" to "y": Invalid': ("error", 1, "a:b:c:d"),
    "processing aborted: Abort due to systemic unresponsiveness": ("aborted", 1, ""),
    "buffer size lowered to 16m": ("buffer-lowered", 1, "buffer"),
    "aggregation size lowered to 512 bytes": ("buffer-lowered", 1, "aggregation"),
    "dynamic variable size lowered to 1m": ("buffer-lowered", 1, "dynamic variable"),
    "speculation size lowered to 1g": ("buffer-lowered", 1, "speculation"),
    "cleaning rate reduced to 50 hz": ("rate-changed", 1, "cleaning"),
    "status rate increased to once every 2 seconds": ("rate-changed", 1, "status"),
    "script '/root/it's.d' matched 26 probes": ("matched", 26, "/root/it's.d"),
    "description 'fbt::vm_fault:entry ' matched 1 probe": ("matched", 1, "fbt::vm_fault:entry "),
    "allowing destructive actions": ("destructive", 1, ""),
    "pid 780 has exited": ("process", 1, "pid 780"),
    "pid 780 exited with status 1": ("process", 1, "pid 780"),
    "pid 780: no such process": ("process", 1, "pid 780"),
    "failed to compile script x.d: line 3: syntax error": ("compile-error", 1, "x.d"),
    "invalid probe specifier a:b { }: probe description a:b does not match any probes": ("compile-error", 1, ""),
    "failed to match fbt::vm_page_insert:return: No probe matches description": (
        "no-match",
        1,
        "fbt::vm_page_insert:return",
    ),
    "no probes matched": ("no-match", 1, ""),
    "no probes specified": ("no-match", 1, ""),
    "failed to enable 'x.d': Permission denied": ("failed", 1, ""),
    "could not enable tracing: DIF program content is invalid": ("failed", 1, ""),
    "failed to initialize dtrace: DTrace requires additional privileges": ("failed", 1, ""),
    "couldn't stop tracing: no": ("aborted", 1, ""),
    "failed to print aggregations: no": ("failed", 1, ""),
    "failed to write to out.txt: No space left on device": ("failed", 1, ""),
    "only one of the [-AGhlV] options can be specified at a time": ("failed", 1, ""),
    "something nobody has seen yet": ("unknown", 1, ""),
    "12 dr": ("unknown", 1, ""),
    "": ("unknown", 1, ""),
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form(text):
    line = f"dtrace: {text}"
    notice = parse_message(line + "\n", 7, 99)
    assert (notice.kind, notice.count, notice.where) == FORMS[text]
    assert (notice.line, notice.text, notice.after_ts) == (7, line, 99)


def test_other_lines_are_no_messages():
    assert parse_message("F\t1\t2", 1, None) is None


@pytest.mark.parametrize("path", sorted((ROOT / "samples").rglob("*.xz")), ids=lambda p: f"{p.parts[-2]}-{p.stem}")
def test_every_message_of_the_recordings_is_known(path):
    text = lzma.decompress(path.read_bytes()).decode(errors="replace")
    for line in re.findall(r"^dtrace: .*", text, re.M):
        assert parse_message(line, 1, None).kind != "unknown", line
