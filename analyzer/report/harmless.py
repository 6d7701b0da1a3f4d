"""What a redacted log may keep: words that are FreeBSD's or vmtrace's own, and so say nothing of whose machine it is.

Everything else in free text is replaced: nobody can list all that is secret.
"""

import re
from functools import cache

from analyzer.resources import resource

# Processes of FreeBSD's kernel and base system (ps(1) of a fresh install), and what everybody runs.
PROCESSES = frozenset(
    # Words read best as a text.
    """
    kernel init idle intr geom sequencer cam crypto audit pagedaemon vmdaemon bufdaemon bufspacedaemon vnlru syncer uma
    softirq_0 softirq_1 usb rand_harvestq swapper sh csh tcsh bash getty login sshd sshd-session cron devd syslogd
    dhclient ntpd powerd sendmail inetd nfsd mountd rpcbind moused dtrace ktrace kdump lockstat sysctl vmstat procstat
    ps top make bmake cc c++ clang ld ld.lld ar as cp cat rm mv ls grep sed awk find tar xz gzip zstd kyua atf-sh
    true false sleep date env xargs install sudo doas su timeout bsdtar bsdgrep
    """.split()  # noqa: SIM905
)
_WORDS_OF_BASE = frozenset(
    """
    FreeBSD amd64 arm64 i386 riscv64 powerpc64 powerpc64le GENERIC GENERIC-NODEBUG GENERIC-KASAN MINIMAL LINT
    ssh pid exec pgid exact wrong UTC Mon Tue Wed Thu Fri Sat Sun
    Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
    """.split()  # noqa: SIM905
)
# Kernel modules of the base system; another's name says what somebody builds.
MODULES = frozenset(
    """
    kernel dtrace.ko dtraceall.ko fbt.ko sdt.ko systrace.ko profile.ko lockstat.ko ksyms.ko opensolaris.ko zfs.ko
    tmpfs.ko nullfs.ko fusefs.ko nfscl.ko nfsd.ko linux.ko linux64.ko linux_common.ko vmm.ko vmfail.ko
    """.split()  # noqa: SIM905
)
# Locks that live recordings name, and what scripts printed that are no more.
_PRINTED_ELSEWHERE = (
    "pmap", "pv", "list", "global", "vmagg", "results", "imbalance", "delta", "renames", "frees", "freexor", "acq",
    "rel", "lockxor",
)  # fmt: skip
_PLAIN = re.compile(
    r"[-#]?\d{1,19}[kmg]?"  # a count, a time in ns, a size, the number of a kernel's build
    r"|\d{1,4}\.\d{1,9}"
    r"|\d\d:\d\d:\d\d"
    r"|(fbt|sdt|lockstat|profile|dtrace|syscall):\w*:\w*:[\w-]*"  # a probe
    r"|\d+\.\d+-(RELEASE|STABLE|CURRENT|RC\d|BETA\d|ALPHA\d|PRERELEASE)(-p\d+)?"
    r"|SIG[A-Z0-9]{2,7}"
    r"|[0-9a-f]{64}"  # the hash of the script
    r"|vm\w+\.d"
    r"|(vm|debug|kern|hw)(\.[a-zA-Z_]+[a-zA-Z0-9_]*)+"  # a sysctl
    r"|[\d.]+%return(\(\d+\))?"  # a term of fail(9)
    r"|\[|\]|-[A-Za-z]{1,3}"
)


def is_harmless(word: str) -> bool:
    """Whether a word of free text, without its punctuation, may stay."""
    return word in _WORDS_OF_BASE or word in _own_words() or _PLAIN.fullmatch(word) is not None


def is_printed(word: str) -> bool:
    """Whether a word that a script alone can have printed, in a directive or as the name of a step, may stay."""
    return is_harmless(word) or word in _printed_words() or re.fullmatch(r"0x[0-9a-f]{1,5}|[=!<>|&]+", word) is not None


@cache
def _printed_words() -> frozenset[str]:
    """The words of the D scripts outside of their comments."""
    scripts = "".join(path.read_text() for path in resource("dscripts").glob("*.d"))
    code = re.sub(r"/\*.*?\*/", "", scripts, flags=re.DOTALL).replace("\\t", " ").replace("\\n", " ")
    return frozenset([*re.findall(r"[A-Za-z_][\w-]*", code), *_PRINTED_ELSEWHERE])


@cache
def _own_words() -> frozenset[str]:
    """Words of dtrace's messages, from their grammar, and the functions that the D scripts name."""
    grammar = (resource("grammars") / "messages.lark").read_text()
    scripts = "".join(path.read_text() for path in sorted(resource("dscripts").glob("*.d")))
    functions = re.findall(r"\b(?:fbt|lockstat):[\w:*-]*", scripts)
    return frozenset(re.findall(r"[A-Za-z]{2,}", grammar)) | {
        name for probe in functions for name in probe.split(":") if name
    }
