"""What `make fuzz` begins with, and what it ever found: every reader keeps the laws of tests/fuzz."""

import pytest
from fuzz.targets import TARGETS

HEADER = b"           value  ------------- Distribution ------------- count    \n"
VMSUM = (
    b'{"vmsum":1,"logs":[{"meta":{"name":"x"%b},"tables":{},"evidence":{%b},"notices":[],"unread":[],'
    b'"unread_count":0,"start":0,"first_ts":null,"last_ts":null}]}'
)

BUCKET = b"           18000 |@@@@@@@@@@@@                             1848     \n"

# By target: what broke a law once, as short as it still did.
FOUND = [
    # A #fields line that changes a tag within a block whose records lark reads.
    ("vmtrace", b"#fields\tA\tts:time\tstack:stack\nA\t1\n#fields\tA\trc:int\tstack:stack\nA\t2\n"),
    # A name that comes twice, or that is the reader's own.
    ("vmtrace", b"#fields\tF\tts:time\trc:int\trc:int\nF\t1\t2\t3\n"),
    ("vmtrace", b"#fields\tF\tline:int\nF\t1\n"),
    ("vmtrace", b"#fields\tQ\ta:int\nQ\t1\n#fields\tQ\ta:str\nQ\tx\n"),
    # Directives of aggregations, torn or of another hand.
    ("vmwatch", b"#aggregation\tx\n1\t2\n"),
    ("vmwatch", b"#aggregation\tx\tline\tcount\n1\t2\n"),
    ("vmagg", b"#aggregation\tx\tfoo\n1\n#aggregation\tx\tfoo\tcount\na\t1\n"),
    ("vmagg", b"#aggregation\tx\tpath\tfoo\n1\tx\n2\t3\n"),
    ("vmwatch", b"#aggregation\ts\tfn\tstack\n#aggregation\ts\tstack\tcount\n\n              k`f+0x1\n 1\n"),
    # Distributions of which pieces are missing.
    ("vmagg", b"#aggregation\tl\tfn\tquantize\na\nb\n" + HEADER + b"            16 |@@ 204      \n"),
    ("dtrace", b"  key" + b" " * 50 + b"\n" + HEADER),
    # A carriage return behind a probe is no value.
    ("dtrace", b"  0  -> vm_fault                              \n  0    -> pmap_enter          \r\n"),
    # A message inside an element whose end has not come yet.
    (
        "dtrace-json",
        b'{"probes": [\n{"timestamp":1,"cpdtrace: 9250 drops on CPU 0\nu":0,"id":1,"provider":"","module":"",'
        b'"function":"","name":"t","output":[{"aggregation-data":[{"keys":[{"value":"a"}],"count":8}],"aggregation-name":"_"}]}]}\n',
    ),
    # Numbers with more digits than Python reads, in a directive, a record and a message.
    ("vmtrace", b"#end\t" + b"7" * 4400 + b"\n"),
    ("vmtrace", b"#fields\tT\tts:time\nT\t" + b"7" * 4400 + b"\n"),
    ("vmtrace", b"dtrace: " + b"7" * 4400 + b" drops on CPU 0\n"),
    ("vmtrace", b"#select\n"),
    ("vmwatch", b"#aggregation\ts\trc\tstack\tcount\n\n  vm_radix" + b" " * 47 + b"\n" + b" " * 14 + b"k`f\n 1\n"),
    # A section that the fast gear leaves to lark beside one that it reads: nothing of it may count twice.
    ("vmwatch", (b"#aggregation\tl\tfn\tllquantize\nreplace\n" + HEADER + BUCKET) * 2 + BUCKET.replace(b"@ ", b"? ")),
    # Records that lack what a Summary is made of.
    ("summary", b"#vmtrace\t1\n#fields\tC\tcalls:int\n#fields\tM\tts:time\tfn:str\nC\t3\nM\t1\trename\n"),
    ("summary", b"#vmtrace\t1\n#script\tvmwatch\n#aggregation\ttotal\tns\n5\n"),
    # Evidence that lacks what a finding says.
    ("vmsum", VMSUM % (b"", b'"panic":[{"ts":1,"line":1,"execname":"","before":[],"kind":"other","text":"x"}]')),
    ("vmsum", VMSUM % (b',"end":9e999', b"")),
    ("vmsum", VMSUM % (b',"fields":{"F":[["ts","time"],["x"]],"C":[["fn","str"]]}', b"")),
    # A process whose threads do not follow.
    ("console", b"   13     0     0     0  DL      (threaded)                  [geom]\n"),
    ("rules", b"max-imbalance = " + b"7" * 4400),
    ("rules", b"max-imbalance = " + b"[" * 5000),
]


@pytest.mark.parametrize("name", TARGETS)
def test_pieces_of_the_recordings_break_no_law(name):
    for seed in TARGETS[name].seeds():
        TARGETS[name](seed)


@pytest.mark.parametrize(("name", "data"), FOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_what_was_found_breaks_no_law_again(name, data):
    TARGETS[name].everywhere(data)
