"""vmtrace bundle: what is in it, that it fits, and that no name survives in it."""

import hashlib
import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path

import pytest
import recordings
from command import command
from hypothesis import given
from hypothesis import strategies as st
from recordings import log

from analyzer import load
from analyzer.report.build import ordered_findings
from analyzer.report.harmless import PROCESSES
from analyzer.report.redact import Redactor
from analyzer.summary.summarize import summarize


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory):
    """The bytes of a bundle of a log; each is made once."""

    @cache
    def make(path: str, *options: str) -> bytes:
        folder = tmp_path_factory.mktemp("bundle")
        run = command(folder)("bundle", path, "-o", "e.zip", *options)
        assert run.returncode == 0, run.stderr
        return (folder / "e.zip").read_bytes()

    return make


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    """The path of a recording's head and what stands around a sign: making a bundle takes as long as the log is."""

    @cache
    def make(name: str, sign: bytes) -> str:
        data, near = recordings.text(Path(log(name))), 200_000
        at = data.index(sign)
        piece = data[data.rfind(b"\n", 0, at - near) + 1 : data.find(b"\n", at + near) + 1 or None]
        path = tmp_path_factory.mktemp("around") / "part.log.xz"
        path.write_bytes(lzma.compress(data[: re.search(rb"^[A-Z]\t", data, re.MULTILINE).start()] + piece, preset=0))
        return str(path)

    return make


@pytest.fixture(scope="module")
def d4326(around):
    return around("10.1/d4326", b"double-free")


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_sums_budget_and_what_was_left_out(bundle_of, d4326, vmtrace, tmp_path):
    for budget, options in ((1000, ()), (100, ("--budget", "100"))):
        data = bundle_of(d4326, *options)
        files = files_of(data)
        assert len(data) <= budget * 1000
        sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines())
        assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "SHA256SUMS"}
        readme = files["README.md"].decode()
        attached, _, left = readme.partition("Left out to stay under")
        assert all(name in attached for name in files if name.startswith(("excerpts", "pictures", "log", "findings")))
        assert ("log-1.log.xz (" in left) == ("log-1.log.xz" not in files) == (budget == 100)
    run = vmtrace("bundle", log("13.2/agg-clean"), "-o", "small.zip", "--budget", "3")
    assert run.returncode == 64 and b"need" in run.stderr and not (tmp_path / "small.zip").exists()


def test_a_reader_who_has_only_the_bundle(bundle_of, d4326, vmtrace, tmp_path):
    files = files_of(bundle_of(d4326, "--keep-names"))
    alarms = load(d4326).alarms
    page, held = f"0x{alarms['page'].iloc[0]:x}", f"0x{alarms['object'].iloc[1]:x}"
    for name in ("README.md", "bugzilla.txt", "phabricator.txt"):
        text = files[name].decode()
        assert "bug of review D4326" in text and page in text and held in text and "kernel`" in text
        assert "double-free" in text and "How to read it" in text
    assert max(len(line) for line in files["bugzilla.txt"].decode().splitlines() if not line.startswith(" ")) < 100
    assert "= This is the bug" in files["phabricator.txt"].decode()
    assert json.loads(files["findings.json"])["findings"][0]["certainty"] == "proved"
    provenance = json.loads(files["provenance.json"])
    assert provenance["logs"][0]["original_sha256"] == hashlib.sha256(Path(d4326).read_bytes()).hexdigest()
    # The log in it is the log, and each excerpt is one that says the same.
    assert lzma.decompress(files["log-1.log.xz"]) == lzma.decompress(Path(d4326).read_bytes())
    (tmp_path / "x.log").write_bytes(files["excerpts/finding-1.log"])
    found = json.loads(vmtrace("report", "x.log", "--format", "json").stdout)["findings"]
    assert any(finding["headline"].startswith("This is the bug of review D4326") for finding in found)
    whole = lzma.decompress(files["log-1.log.xz"]).decode().splitlines()
    assert set(files["excerpts/finding-1.log"].decode().splitlines()) <= set(whole)


def test_an_excerpt_of_steps_is_the_whole_fault(vmtrace, tmp_path):
    assert vmtrace("bundle", log("13.2/events-badfault"), log("13.2/leak"), "-o", "e.zip").returncode == 0
    files = files_of((tmp_path / "e.zip").read_bytes())
    assert {"log-1.log.xz", "log-2.log.xz"} & set(files)
    assert b"leaker" not in files["README.md"] and b"left held" in files["README.md"]


def everything(archive: bytes) -> bytes:
    """All that a zip holds or says, packed things unpacked: members, their names, PNG chunks, the log."""
    parts = [archive]
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for entry in files.infolist():
            data = files.read(entry)
            parts += [entry.filename.encode(), entry.comment, entry.extra, data]
            if entry.filename.endswith(".xz"):
                parts.append(lzma.decompress(data))
            if entry.filename.endswith(".png"):
                parts += png_texts(data)
    return b"\n".join(parts)


def png_texts(data: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at + 8 : at + 8 + size]
        if kind == b"zTXt":
            found.append(zlib.decompress(chunk.partition(b"\0")[2][1:]))
        elif kind == b"iTXt":
            rest = chunk.partition(b"\0")[2]
            text = rest[2:].split(b"\0", 2)[2]
            found.append(zlib.decompress(text) if rest[0] else text)
        elif kind == b"tEXt":
            found.append(chunk)
        at += 12 + size
    assert found  # pictures say where they come from
    return found


SECRETS = [
    "secretd", "tab\\tin name", "/home/alice/.ssh/id_rsa", "./relative/key.pem", "alice", "build7", "box9",
    "box9.corp.example", "backup-host", "0xfffff80001a14800", "0xfffff8007d0e6ee8", "0xffffffff805cfdc3",
    "0xdeadbeef000", "0xfffff80001bf0920", "customer-db", "payroll", "libpayroll.so.1", "pay_all",
]  # fmt: skip

SECRET_LOG = r"""#host.uname	FreeBSD box9.corp.example 10.1-RELEASE #4: alice@build7:/home/alice/.ssh/id_rsa  amd64
#host.ident	VMTRACE10
#host.via	ssh backup-host
#host.command	secretd ./relative/key.pem --db=/home/alice/.ssh/id_rsa 0xdeadbeef000
#host.filter	exec	customer-db\0
#host.stderr	alice says: secretd on box9 died, /home/alice/.ssh/id_rsa
#vmtrace	1
#script	vmfault10
#osreldate	1001000
#walltime	1795375422424523463
#timestamp	16728530376
#fields	F	ts:time	cpu:int	pid:int	tid:int	va:addr	rc:int	dur:ns	path:bits	held:addr	note:str	execname:str
#fields	M	ts:time	cpu:int	pid:int	tid:int	fn:str	page:addr	src:addr	dst:addr	rc:int	infault:int	execname:str
#fields	X	ts:time	cpu:int	pid:int	tid:int	kind:str	object:addr	page:addr	owner:addr	execname:str	stack:stack
#bits	path	0x2	zero	0x8	rename	0x20	alloc
F	16728530400	0	7	100	0xdeadbeef000	0	900	0x22	0x0	payroll	secretd\0
F	16728540400	0	7	100	0xdeadbeef000	0	900	0x22	0x0	payroll	tab\tin name\0
M	16728550400	0	7	100	rename	0xfffff8007d0e6ee8	0x0	0xfffff80001a14800	1	1	secretd\0
X	16728560400	0	7	100	double-free	0xfffff80001a14800	0xfffff8007d0e6ee8	0x0	secretd\0
              kernel`unlock_and_deallocate+0xef
              kernel`0xffffffff805cfdc3
              libpayroll.so.1`pay_all+0x12
X	16728570400	0	7	100	lock-held	0xfffff80001a14800	0x0	0xfffff80001bf0920	secretd\0
              kernel`vm_fault_hold+0x1259

dtrace: script '/home/alice/.ssh/id_rsa' matched 5 probes
dtrace: 3 drops on CPU 0
customer-db payroll secretd
#aggregation	names	execname	count
secretd	2
customer-db	1
#aggregation	blobs	blob	count
payroll	2
#end	16728590400
F	16728600400	0	7	100	0xdeadbeef000	0	900	0x22	0x0	payroll	secre"""


def test_no_name_survives_anywhere(vmtrace, tmp_path):
    (tmp_path / "alice-box9.log").write_text(SECRET_LOG)
    run = vmtrace("bundle", "alice-box9.log", "-o", "e.zip")
    assert run.returncode == 0, run.stderr
    inside = everything((tmp_path / "e.zip").read_bytes())
    assert [secret for secret in SECRETS if secret.encode() in inside] == []
    # The preview names what went; and with --keep-names the same search finds it.
    assert all(word in run.stderr.decode() for word in ("secretd → process-", "alice → user-", "/home/alice"))
    assert vmtrace("bundle", "alice-box9.log", "-o", "k.zip", "--keep-names").returncode == 0
    assert [secret for secret in SECRETS if secret.encode() not in everything((tmp_path / "k.zip").read_bytes())] == []
    assert b"bug of review D4326" in inside  # and still it tells the finding


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("10.1/d4326", b"double-free"),
        ("13.2/hostile-names", b""),
        ("13.2/events-replace", b"vm_radix_remove\t-2"),
        ("13.2/agg-5pct", b""),
    ],
)
def test_no_name_of_a_recording_survives(bundle_of, around, name, sign):
    path = around(name, sign) if sign else log(name)
    trace = load(path)
    inside = everything(bundle_of(path))
    tables = [table for table in trace.tables.values() if "execname" in table]
    names = {str(name) for table in tables for name in table["execname"].unique()} - PROCESSES
    paths = re.findall(r"/[\w./-]+", trace.meta["host.uname"] + trace.meta["host.command"])
    found = [n for n in names if re.search(rb"(?<![\w.])" + re.escape(n.encode()) + rb"\\0", inside)]
    assert found == [] and not [path for path in paths if path.encode() in inside]
    addresses = set()
    for table in trace.tables.values():
        for column in {"va", "page", "src", "dst", "object", "owner", "held", "lock", "a0"} & set(table):
            addresses |= {f"0x{value:x}" for value in table[column].unique()[:200] if value >= 0x200000}
    written = set(re.findall(r"0x[0-9a-f]+", inside.decode(errors="replace")))
    assert not addresses & written
    if "R" in trace.tables:  # pointers that functions returned are signed numbers
        returned = {str(value).encode() for value in trace.tables["R"]["rc"].unique() if value < -(1 << 31)}
        assert returned and not returned & set(re.findall(rb"-\d{11,}", inside))


def test_redaction_keeps_what_belongs_together(bundle_of, d4326, tmp_path):
    files = files_of(bundle_of(d4326))
    (tmp_path / "r.log.xz").write_bytes(files["log-1.log.xz"])
    before, after = load(d4326), load(str(tmp_path / "r.log.xz"))
    assert len(before.unread) == len(after.unread) and len(before.notices) == len(after.notices)
    kinds = {"M": {"page": "page", "dst": "object", "src": "object"}, "X": {"object": "object", "page": "page"}}
    shifts = {}
    for tag, columns in kinds.items():
        for column, kind in columns.items():
            old, new = before.tables[tag][column], after.tables[tag][column]
            shifts.setdefault(kind, set()).update((new - old)[old != 0])
            assert (new[old == 0] == 0).all()
    assert {kind: len(constants) for kind, constants in shifts.items()} == {"page": 1, "object": 1}
    assert shifts["page"] != shifts["object"]
    sizes = [sorted(trace.faults["execname"].value_counts()) for trace in (before, after)]
    assert sizes[0] == sizes[1]
    same = ["ts", "pid", "tid", "rc", "dur", "path", "line"]
    assert before.tables["F"][same].equals(after.tables["F"][same])


SECRET = st.one_of(
    st.from_regex(r"[a-z]{3,6}[0-9]{2}[A-Z]{2,4}", fullmatch=True),
    st.ip_addresses().map(str).filter(lambda address: len(address) > 6),
    st.sampled_from(["PASSWORD=hunter2", "alice@mail.corp", "https://corp/x?key=1", "/var/db/customers", "fe80::1%em"]),
)
# Every place of a log where somebody's own words can stand: {} is the secret.
PLACES = [
    "#host.uname\tFreeBSD {} 13.2-RELEASE FreeBSD 13.2-RELEASE {} amd64", "#host.ident\t{}", "#host.via\tssh {}",
    "#host.command\t{} --token {} {}", "#host.command\tsh -c {}", "#host.filter\texec\t{}\\0", "#host.stderr\tsaid {}",
    "#host.anything\t{}", "#host.failpoint\t{}", "#unknown\t{}\tx", "dtrace: script '{}' matched 5 probes",
    "dtrace: failed to open {}: no", "dtrace: {}", "dtrace: pid 7: {}", "{}", "F\t1\t2\t0\t{}\t{}\\0",
    "F\t1\t2\t0\tx\t{}\\0", "F\t{}\t2\t0\tx\ty\\0", "              {}`{}+0x12", "              {}",
    "#aggregation\ta\texecname\tcount\n{}\t2", "#aggregation\ta\tblob\tcount\n{}\t2",
]  # fmt: skip


@given(secret=SECRET, place=st.sampled_from(PLACES))
def test_no_secret_survives_wherever_it_stands(secret, place):
    head = "#vmtrace\t1\n#fields\tF\tts:time\tpid:int\trc:int\tnote:str\texecname:str\n"
    lines = (head + place.replace("{}", secret)).split("\n")
    redactor = Redactor(b"key")
    redactor.learn(lines)
    assert secret not in "\n".join(redactor.redact(lines))


FORMS = ["zq{}Xk", "10.77.{}.9", "PASSWORD=zq{}", "zq{}@corp", "/srv/zq{}/key", "https://zq{}/x", "fe80::{}:1%em0"]


def kinds_of_lines(lines):
    """One line of each kind, and the aggregation that it is in."""
    seen, inside = set(), ""
    for line in lines:
        if line.startswith("#"):
            inside = line if line.startswith("#aggregation\t") else ""
            parts = line.split("\t")
            kind = tuple(parts[:2] if parts[0].startswith(("#fields", "#host", "#counter")) else parts[:1])
        elif inside:
            kind = (inside, re.sub(r"\w+", "w", line)[:40])
        else:
            kind = line.split("\t")[0] if "\t" in line else re.sub(r"\d+", "0", line)
        if kind not in seen:
            seen.add(kind)
            yield line, inside


@pytest.mark.parametrize("path", recordings.LOGS, ids=recordings.name)
def test_no_secret_survives_in_any_field_of_a_recording(path):
    lines = recordings.beginning(path, 100_000).decode(errors="backslashreplace").split("\n")
    records, others, secrets = [line for line in lines if line.startswith("#fields\t")], [], []
    for line, inside in kinds_of_lines(lines):
        between = "\t" if "\t" in line else " "
        cells = line.split(between)
        tagged = between == "\t" and not inside
        for at in range(tagged, len(cells)):
            if cells[at]:
                secrets.append(FORMS[len(secrets) % len(FORMS)].format(len(secrets) + 1000))
                planted = between.join([*cells[:at], secrets[-1], *cells[at + 1 :]])
                (others if inside or line.startswith("#") else records).extend(filter(None, [inside, planted]))
    redactor = Redactor(b"key")
    redactor.learn(records + others)
    text = "\n".join(redactor.redact(records + others))
    assert len(secrets) > 20 and [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("which", ["13.2/watch-5pct", "15.0/watch-clean", "13.2/agg-5pct", "15.0/locks", "13.2/leak"])
def test_a_redacted_log_says_what_the_log_says(which, tmp_path):
    redactor, lines = Redactor(b"key"), recordings.text(Path(log(which))).decode(errors="backslashreplace").split("\n")
    redactor.learn(lines)
    (tmp_path / "r.log").write_text("\n".join(redactor.redact(lines)))
    before, after = (summarize([path]) for path in (log(which), str(tmp_path / "r.log")))
    verdicts = [[(f.severity, f.certainty) for _, f in ordered_findings(of)] for of in (before, after)]
    assert verdicts[0] == verdicts[1] and before.logs[0].unread_count == after.logs[0].unread_count
    for table in ("records", "faults", "latency"):
        columns = [column for column in before.logs[0].table(table) if column not in ("process", "execname")]
        sums = [of.logs[0].table(table)[columns].sum(numeric_only=True) for of in (before, after)]
        assert sums[0].equals(sums[1]), table


def test_what_everybody_has_stays():
    lines = [
        "#host.uname\tFreeBSD box 13.2-RELEASE-p3 FreeBSD 13.2-RELEASE-p3 GENERIC amd64", "#host.ncpu\t2",
        "dtrace: 3 drops on CPU 0", "dtrace: buffer size lowered to 4m", "#counter.before\tvm.stats.vm.v_vm_faults\t7",
        "#fields\tF\tts:time\texecname:str", "F\t1\tsshd\\0", "              kernel`vm_fault+0x76a",
    ]  # fmt: skip
    redactor = Redactor(b"key")
    redactor.learn(lines)
    assert list(redactor.redact(lines)) == [lines[0].replace("box", "host-1"), *lines[1:]]
    assert redactor.kept == {"sshd"}


@pytest.mark.parametrize("data, code", [(b"hello\n" * 9, 65), (b"", 65)])
def test_what_is_no_log(vmtrace, tmp_path, data, code):
    (tmp_path / "x").write_bytes(data)
    run = vmtrace("bundle", "x", "-o", "e.zip")
    assert run.returncode == code and run.stderr.count(b"\n") == 1


def test_where_nothing_can_be_written_is_said_at_once(vmtrace):
    run = vmtrace("bundle", "no.log", "-o", "missing/e.zip")
    assert run.returncode == 73 and run.stderr.count(b"\n") == 1
