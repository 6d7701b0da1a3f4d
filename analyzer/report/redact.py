"""Redaction: a log's text with its names replaced by pseudonyms and its addresses shifted.

It works on the log itself, before anything is read of it, so that whatever is made of a redacted log holds nothing
else.  What stays is chosen, not what goes: in records the type of a column decides, a text that is not known to be
harmless is replaced, and a line that cannot be read is removed.  Of directives and of names that a script prints
stays what the scripts have.  In free text (the command, dtrace's messages) every word goes that is not FreeBSD's or
vmtrace's own (harmless.py).
"""

import hashlib
import re
from collections.abc import Iterable

from lark.exceptions import UnexpectedInput

from analyzer.format import counted
from analyzer.ingest.blocks import parse_directive
from analyzer.ingest.escapes import unescape
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.records import RecordType
from analyzer.report.harmless import MODULES, PROCESSES, is_harmless, is_printed
from analyzer.report.record_lines import CLOSING_NUL, cells_of, learn_fields

REMOVED = "(a line that could not be read was removed)"
_MASK = (1 << 64) - 1
_KERNEL = 0xFFFF_8000_0000_0000  # the upper half of amd64's address space
_CODE = 0xFFFF_FFFF_8000_0000  # where the kernel's text is mapped
_LOWEST_USER = 0x20_0000  # below are counts, flags and page indexes, no program is mapped there
_LARGEST_ERROR = 1 << 31
_PRINTED = frozenset(["fn", "kind", "op", "name", "site", "mode", "what"])
_NAMES = frozenset(["execname"])
_PAGES = frozenset(["page", "mold", "freexor"])
# Arguments of vmevents' functions that are pages (docs/freebsd-vm-tracing.md, section 2).
_PAGE_ARGUMENTS = {
    "vm_radix_insert": ("a1",), "vm_page_rename": ("a0",), "vm_page_iter_rename": ("a1",),
    "vm_page_replace": ("a0", "a3"), "vm_page_free_toq": ("a0",), "vm_page_insert_after": ("a0",),
    "pmap_zero_page": ("a0",), "pmap_copy_page": ("a0", "a1"), "pmap_enter": ("a2",),
}  # fmt: skip
_PATH = re.compile(r"[^\s'\",;:()=@]*/[^\s'\",;:()]*")
_ACCOUNT = re.compile(r"([\w.$-]+)@([\w.-]+)")
_ADDRESS = re.compile(r"0x([0-9a-fA-F]+)")
_WORD = re.compile(r"[^\s'\",;()=]+")
_CELL = re.compile(r"[^\t ]+")
_FIELD = re.compile(r"[a-z]\w*:[a-z]+")  # of #fields, as `ts:time`
# A pseudonym, or an address that is shifted already.
_REPLACED = re.compile(r"(?:process|path|host|user|text|module)-\d+(?:@host-\d+)?|0x[0-9a-f]+")
_FRAME = re.compile(r"( *)([^`]+)`([^+\n]+)(\+0x[0-9a-f]+)?( *)$")
_INDENTED = re.compile(r" {4,}\S")
_BAR = "[@\u2580-\u259f ]*"
_BUCKET = re.compile(rf" *(?:value  -+ Distribution -+ count *|(?:(?:< |>= )?-?\d+) +{_BAR}\|{_BAR}-?\d+ *)$")


class Redactor:
    """Pseudonyms and shifts; the same for every log of one bundle.

    Attributes:
        pseudonyms: by kind ("process", "path", "host", "user", "text", "module"): what was replaced, by what.
        kept: names of processes that stay, as every FreeBSD runs them.
        shifted: by kind ("object", "page", "thread", "user", "code"): how many addresses.
    """

    def __init__(self, secret: bytes) -> None:
        """`secret` makes the shifts; nobody who has not the logs can know it."""
        self._secret = secret
        self.pseudonyms: dict[str, dict[str, str]] = {}
        self.kept: set[str] = set()
        self.shifted: dict[str, int] = {}
        self._shifts: dict[str, int] = {}

    def learn(self, lines: Iterable[str]) -> None:
        """Name what must be known before any line is rewritten: hosts, users and processes are words elsewhere."""
        records: dict[str, RecordType] = {}
        for line in lines:
            if line.startswith("#fields\t"):
                learn_fields(records, line)
            elif line.startswith("#host.uname\t"):
                words = line.split("\t", 1)[1].split()
                if len(words) > 1:
                    self._host(words[1])
            elif line.startswith("#host.filter\texec\t"):
                self._process(line.split("\t", 2)[2])
            elif line.startswith("#host.via\tssh "):
                self._host(line.split()[-1].rpartition("@")[2])
            elif not line.startswith("#") and "\t" in line:
                for column, _, value in cells_of(line, records):
                    if column in _NAMES:
                        self._process(value)
            if "@" in line and line.startswith("#"):
                for account, host in _ACCOUNT.findall(line):
                    self._name("user", account)
                    self._host(host)

    def redact(self, lines: Iterable[str]) -> Iterable[str]:
        """The log's lines, redacted; as many as there were."""
        records: dict[str, RecordType] = {}
        columns: list[str] | None = None  # of the aggregation that is open
        for line in lines:
            if line.startswith("#"):
                columns = line.split("\t")[2:] if line.startswith("#aggregation\t") else None
                if line.startswith("#fields\t"):
                    learn_fields(records, line)
                yield self._directive(line)
            elif line.startswith(PREFIX):
                yield PREFIX + self._words(line.removeprefix(PREFIX))
            elif not line:
                yield line
            elif columns is not None and line.partition("\t")[0] not in records:
                yield self._row(line, columns)
            elif line.startswith(" " * 14):
                yield self._frame(line)
            else:
                columns = None  # a record ends the aggregation
                yield self._record(line, records)

    def _name(self, kind: str, name: str) -> str:
        known = self.pseudonyms.setdefault(kind, {})
        return known.setdefault(name, f"{kind}-{len(known) + 1}")

    def _host(self, name: str) -> None:
        """A host is also called by the first part of its name."""
        self._name("host", name)
        self._name("host", name.partition(".")[0])

    def _process(self, written: str) -> str:
        """A process name as %S printed it, its closing NUL kept."""
        name = unescape(written)
        if not name:
            return written
        if name in PROCESSES:
            self.kept.add(name)
            return written
        return self._name("process", name) + (CLOSING_NUL if written.endswith(CLOSING_NUL) else "")

    def _shift(self, kind: str, value: int) -> int:
        if kind not in self._shifts:
            digest = hashlib.sha256(self._secret + kind.encode()).digest()
            # Whole pages, and small enough that an address stays in its part of the address space.
            bits = 14 if kind == "code" else 24
            self._shifts[kind] = ((int.from_bytes(digest[:8], "big") % (1 << bits)) + 1) << 12
        self.shifted[kind] = self.shifted.get(kind, 0) + 1
        return (value + self._shifts[kind]) & _MASK

    def _address(self, text: str, kind: str | None) -> str:
        """An address shifted; of a kind that is not known the range decides, and small numbers stay."""
        value = int(text, 16)
        if value == 0:
            return text
        if value >= _CODE:
            kind = "code"
        elif kind is None:
            if value < _LOWEST_USER:
                return text
            kind = "object" if value >= _KERNEL else "user"
        return f"0x{self._shift(kind, value):x}"

    def _record(self, line: str, records: dict[str, RecordType]) -> str:
        cells = cells_of(line, records)
        if not cells:
            return REMOVED
        function = next((value for column, _, value in cells if column == "fn"), "")
        return "\t".join([line.split("\t", 1)[0], *(self._cell(*cell, function) for cell in cells)])

    def _cell(self, column: str, kind: str, value: str, function: str) -> str:
        if kind == "addr":
            return self._address(value, _kind_of(column, function))
        if kind == "int" and int(value) & _MASK >= _KERNEL and int(value) < -_LARGEST_ERROR:
            # A pointer that a function returned: as vm_radix_remove does a page, which the log has as a signed number.
            shifted = int(self._address(f"0x{int(value) & _MASK:x}", "page"), 16)
            return str(shifted - (1 << 64))
        if kind != "str" or not value:
            return value
        if column in _NAMES:
            return self._process(value)
        return self._code(value) if column in _PRINTED else self._name("text", value)

    def _code(self, value: str) -> str:
        """A function, a lock's name or a code site: of the kernel they are public."""
        if "`" in value:
            return self._frame(value)
        if _ADDRESS.fullmatch(value):
            return self._address(value, "code")
        return value if all(map(is_printed, value.split())) else self._name("text", value)

    def _frame(self, line: str) -> str:
        match = _FRAME.match(line)
        if match is None:
            if not _ADDRESS.fullmatch(line.strip()):
                return REMOVED if line.strip() else line
            return _ADDRESS.sub(lambda m: self._address(m[0], None), line)
        blanks, module, function, offset, after = match.groups(default="")
        if module not in MODULES:
            module, function = self._name("module", module), "function"
        function = _ADDRESS.sub(lambda m: self._address(m[0], None), function)
        return f"{blanks}{module}`{function}{offset}{after}"

    def _directive(self, line: str) -> str:
        name, tab, value = line.partition("\t")
        key = name[1:]
        if not key.startswith("host."):
            try:
                parse_directive(line)
            except UnexpectedInput:
                return REMOVED
            return name + tab + _CELL.sub(lambda m: self._printed(m[0]), value)
        if value.startswith("exec\t") and key == "host.filter":
            return f"{name}\texec\t{self._process(value.removeprefix('exec' + tab))}"
        return name + tab + (self._command(value) if key == "host.command" else self._words(value))

    def _printed(self, word: str) -> str:
        parts = word.split(":") if _FIELD.fullmatch(word) else [word]
        return word if all(map(is_printed, parts)) else self._name("text", word)

    def _command(self, text: str) -> str:
        """The program, if everybody has it, and how many words it was given: any of them may be a secret."""
        program, *arguments = text.split()
        name = program if program in PROCESSES else self._name("path" if "/" in program else "text", program)
        return f"{name} (and {counted(len(arguments), 'word')})" if arguments else name

    def _words(self, text: str) -> str:
        """Free text: paths, accounts, hosts, processes and addresses in it are replaced."""
        text = _ACCOUNT.sub(lambda m: f"{self._name('user', m[1])}@{self._name('host', m[2])}", text)
        text = _PATH.sub(lambda m: self._name("path", m[0]), text)
        text = _ADDRESS.sub(lambda m: self._address(m[0], None), text)
        return _WORD.sub(lambda m: self._word(m[0]), text)

    def _word(self, word: str) -> str:
        """A word of free text: what is known from elsewhere keeps its pseudonym."""
        bare = word.strip("`[]{}.<>!?").removesuffix(":")
        if not bare or _REPLACED.fullmatch(bare) or is_harmless(bare):
            return word
        for kind in ("process", "user", "host"):
            if bare in self.pseudonyms.get(kind, {}):
                return word.replace(bare, self.pseudonyms[kind][bare])
        return word if bare in PROCESSES else self._name("text", word)

    def _row(self, line: str, columns: list[str]) -> str:
        """A line of an aggregation's body: keys and a value between TABs, a named key, a frame, or a bucket."""
        if _BUCKET.match(line):
            return line
        if "\t" not in line and _INDENTED.match(line):
            return self._frame(line) if not line.strip().isdigit() else line
        cells = line.split("\t")
        if len(columns) > 1 and columns[-1] == "quantize" and len(cells) == 1:
            named = re.fullmatch(r"([a-z]+) (-?\d+)", line)
            if named and is_printed(named[1]):
                return line
        return "\t".join(
            self._key(column, cell) for column, cell in zip([*columns, *("",) * len(cells)], cells, strict=False)
        )

    def _key(self, column: str, cell: str) -> str:
        if column in _NAMES:
            return self._process(cell)
        if re.fullmatch(r"-?\d+", cell):
            return cell
        if _ADDRESS.fullmatch(cell):
            return self._address(cell, None)
        return self._code(cell) if column in _PRINTED else self._name("text", cell)


def _kind_of(column: str, function: str) -> str | None:
    """What an address column holds; None where it can be anything."""
    if column in _PAGES or column in _PAGE_ARGUMENTS.get(function, ()):
        return "page"
    if column == "va" or re.fullmatch(r"a\d", column):
        return None
    return "thread" if column == "owner" else "object"
