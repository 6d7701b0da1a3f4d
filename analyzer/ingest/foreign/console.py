"""A kernel's last words: panics, backtraces, waiting threads and held locks on a console or in /var/log/messages."""

import re

import pyarrow as pa
from lark import Tree
from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import Node, load_grammar
from analyzer.ingest.messages import read_message, split_message
from analyzer.ingest.parsed import Notice, Parsed

_PANIC = pa.schema(
    [
        ("line", pa.int64()),
        ("kind", pa.string()),
        ("fatal", pa.bool_()),
        ("text", pa.string()),
        ("address", pa.uint64()),
        ("pid", pa.int64()),
        ("tid", pa.int64()),
        ("owner_pid", pa.int64()),
        ("owner_tid", pa.int64()),
    ]
)
# A panic begins a line of its own only where nothing else was printing: a prompt, a login, a record can stand before.
PANIC_INSIDE = re.compile(
    r"(?<![\w.])(?<!after )panic: |(?<!after )panic: (?=vm_page_free: |sleeping thread|[^ ]+: ?recursing)"
)
_FRAME = pa.schema(
    [
        ("line", pa.int64()),
        ("trace", pa.int64()),
        ("depth", pa.int64()),
        ("pid", pa.int64()),
        ("tid", pa.int64()),
        ("comm", pa.string()),
        ("function", pa.string()),
        ("offset", pa.int64()),
    ]
)
WAITER = pa.schema(
    [
        ("line", pa.int64()),
        ("pid", pa.int64()),
        ("tid", pa.int64()),
        ("comm", pa.string()),
        ("state", pa.string()),
        ("wmesg", pa.string()),
        ("wchan", pa.uint64()),
    ]
)
_HELD = pa.schema(
    [
        ("line", pa.int64()),
        ("pid", pa.int64()),
        ("tid", pa.int64()),
        ("comm", pa.string()),
        ("mode", pa.string()),
        ("class", pa.string()),
        ("name", pa.string()),
        ("lock", pa.uint64()),
        ("site", pa.string()),
    ]
)
_TEXT = pa.schema([("line", pa.int64()), ("text", pa.string())])


def parse_console(data: bytes) -> Parsed:
    """A console's text, or syslog's with its time stamps.

    P: what the kernel said of its end: line, kind, fatal, text, address, pid, tid, owner_pid, owner_tid.  Kinds are
        "double-free" (`vm_page_free: freeing free page`), "lock-recursion" (`recursing but non-recursive rw vm
        object`), "sleeping-thread" and "other"; not fatal is a double free that the kernel was told to survive.  The
        thread is the one that ddb names, the owner of the lock the one that slept with it.  A panic is found wherever
        on a line it begins.
    BT: frames of backtraces (line, trace, depth, pid, tid, comm, function, offset), traces numbered in order.
    W: threads that ddb's ps shows blocked on a lock (state L) or asleep: line, pid, tid, comm, state, wmesg, wchan;
        tid is null for a process with one thread.
    HELD: ddb's locks (line, pid, tid, comm, mode, class, name, lock, site).
    TEXT: all other lines.
    """
    reader = _Reader()
    lines = data.decode(errors="backslashreplace").split("\n")
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r")
        if number < len(lines):
            reader.read(number, text)
        elif text:
            reader.read_cut(number, text)
    return reader.parsed()


def _parse(text: str) -> Node | None:
    try:
        return load_grammar("console", "line").parse(text).children[0]
    except UnexpectedInput:
        return None


class _Reader:
    """The state between lines: which backtrace, which thread, which process."""

    def __init__(self) -> None:
        self.panics: list[dict] = []
        self.frames: list[dict] = []
        self.waiters: list[dict] = []
        self.held: list[dict] = []
        self.texts: list[dict] = []
        self.notices: list[Notice] = []
        self.trace = 0
        self.depth = 0
        self.open = False
        self.thread: dict = {}
        self.process: int | None = None
        self.owner: dict = {}
        self.sleeper: dict = {}
        # Traces and panics that stand above the line which names their thread.
        self.nameless: list[dict] = []

    def read(self, number: int, text: str) -> None:
        text, message = split_message(text)
        if message:
            self.notices.append(read_message(message, number, None))
        tree = _parse(text)
        if tree is None:
            inside = PANIC_INSIDE.search(text)
            if inside and inside.start():
                self.texts.append({"line": number, "text": text[: inside.start()]})
                self.read(number, text[inside.start() :])
            elif text.strip():
                self.texts.append({"line": number, "text": text})
                self.open = False
            return
        parts = {token.type: str(token) for token in tree.children if not isinstance(token, Tree)}
        getattr(self, f"_{tree.data}")(number, text, tree, parts)

    def read_cut(self, number: int, text: str) -> None:
        """The last line, without its end: a prompt as a rule."""
        if _parse(text) is not None:
            self.notices.append(Notice(number, "cut", 1, "", "the last line has no end"))
        self.texts.append({"line": number, "text": text})

    def parsed(self) -> Parsed:
        tables = {
            "P": pa.Table.from_pylist(self.panics, _PANIC),
            "BT": pa.Table.from_pylist(self.frames, _FRAME),
            "W": pa.Table.from_pylist(self.waiters, WAITER),
            "HELD": pa.Table.from_pylist(self.held, _HELD),
            "TEXT": pa.Table.from_pylist(self.texts, _TEXT),
        }
        return Parsed(tables, {"format": "console"}, self.notices, [])

    def _panic(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self._words(number, text, tree, True)

    def _warning(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self._words(number, text, tree, False)

    def _words(self, number: int, text: str, tree: Tree, fatal: bool) -> None:
        words: Node = tree.children[0]
        address = int(words.children[0], 16) if words.children else None
        row = {
            "line": number,
            "kind": words.data.replace("_", "-"),
            "fatal": fatal,
            "text": text,
            "address": address,
            "pid": None,
            "tid": None,
            **(self.sleeper if fatal else {}),
        }
        self.panics.append(row)
        if fatal:
            self.nameless.append(row)
        self.open = False

    def _sleeper(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self.sleeper = {"owner_pid": int(parts["PID"]), "owner_tid": int(parts["TID"])}

    def _begin(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self._start({"tid": int(parts["TID"])} if "TID" in parts else {})

    def _tracing(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self._start({"pid": int(parts["PID"]), "tid": int(parts["TID"]), "comm": parts.get("COMMAND")})

    def _start(self, thread: dict) -> None:
        self.trace += 1
        self.depth = 0
        self.open = True
        self.thread = thread

    def _frame(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        if not self.open:
            self._start({})
        row = {
            "line": number,
            "trace": self.trace,
            "depth": self.depth,
            "pid": None,
            "tid": None,
            "comm": None,
            **self.thread,
            "function": parts.get("FUNCTION") or parts["FUNCTION_AT"],
            "offset": int(parts.get("OFFSET", "").partition("+")[2] or "0", 16),
        }
        self.frames.append(row)
        if not self.thread:
            self.nameless.append(row)
        self.depth += 1

    def _mark(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        """`--- trap …`: the frames below it belong to the same thread."""

    def _thread(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        for row in self.nameless:
            row |= {"pid": int(parts["PID"]), "tid": int(parts["TID"])}
        self.nameless = []
        self.open = False

    def _process(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self.process = int(parts["IDS"].split()[0])
        if "WCHAN" in parts:
            self._wait(number, parts, None)

    def _waiter(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self._wait(number, parts, int(parts["WAITER_TID"]))

    def _wait(self, number: int, parts: dict, tid: int | None) -> None:
        self.waiters.append(
            {
                "line": number,
                "pid": self.process,
                "tid": tid,
                "comm": parts["COMM"].strip(),
                "state": parts["STATE"].strip(),
                "wmesg": parts["WMESG"].strip(),
                "wchan": int(parts["WCHAN"], 16),
            }
        )

    def _owner(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self.owner = {"pid": int(parts["PID"]), "tid": int(parts["TID"]), "comm": parts["COMMAND_OF_OWNER"]}

    def _lock(self, number: int, text: str, tree: Tree, parts: dict) -> None:
        self.held.append(
            {
                "line": number,
                "pid": None,
                "tid": None,
                "comm": None,
                **self.owner,
                "mode": parts["MODE"].strip(),
                "class": parts["CLASS"].strip(),
                "name": parts["LOCK_NAME"],
                "lock": int(parts["ADDRESS"], 16),
                "site": parts["SITE"],
            }
        )
