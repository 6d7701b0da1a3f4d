"""The log byte for byte, and the order in which things are done."""

import gzip
import hashlib
import io
import lzma
import re

import pyarrow as pa
import pytest

from analyzer.version import __version__

VARYING = ("#host.self\t", "#host.window\t")


def header(stage, script, **more):
    """The #host lines that a recording on this stage begins with."""
    host = stage.recorded.host
    d = (stage.state / "script.d").read_bytes()
    values = {key: host[key] for key in ("uname", "ident", "ncpu", "physmem", "pagesize")}
    values |= {"vmtrace": __version__}
    values |= {key: value for key, value in more.items() if key in ("via", "command")}
    values |= {"script": f"{script}.d", "script.sha256": hashlib.sha256(d).hexdigest()}
    values |= {key: value for key, value in more.items() if key not in values}
    return "".join(f"#host.{key}\t{value}\n" for key, value in values.items())


def counter_lines(stage, when):
    return "".join(f"#counter.{when}\t{name}\t{value}" for name, value in stage.recorded.counters[when])


def steady(log):
    """A log without what differs each time: process numbers and the time between the readings of the counters."""
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith(VARYING))


def expected(stage, script, ended, **more):
    recorded = stage.recorded
    return (
        header(stage, script, **more)
        + counter_lines(stage, "before")
        + "".join(recorded.messages)
        + recorded.out
        + counter_lines(stage, "after")
        + f"#host.ended\t{ended}\n"
    )


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("13.2/badfault.log.xz", "vmfault"),
        ("13.2/hostile-names.log.xz", "vmfault"),
        ("13.2/watch-5pct.log.xz", "vmwatch"),
        ("10.1/badfault.log.xz", "vmfault10"),
    ],
)
def test_log_is_what_the_live_one_printed(make_stage, name, script):
    stage = make_stage(name)
    words = ["--script", script] if script == "vmfault" else []
    status, out, err = stage.run("collect", *words, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (status, out) == (7, "out\n")
    assert "\nerr\n" in err
    command = "sh -c 'echo out; echo err >&2; exit 7'"
    assert steady(stage.log()) == expected(stage, script, "the end of COMMAND", command=command)


def test_everything_in_order(stage):
    stage.unset("loaded")
    status, _, err = stage.run(
        "collect", "--fail-point", "uma_zalloc_arg=1%return", "--", "sh", "-c", 'echo command >>"$STANDIN/events"'
    )
    assert status == 0, err
    assert stage.events == [
        "kldload dtraceall",
        "dtrace '-Z' '-s' 'vmwatch.d'",
        "counters read",
        "set debug.fail_point.uma_zalloc_arg=1%return",
        "command",
        "set debug.fail_point.uma_zalloc_arg=off",
        "counters read",
        "dtrace gets SIGTERM",
    ]
    assert "#host.failpoint\tdebug.fail_point.uma_zalloc_arg=1%return\n" in stage.log()


def test_command_is_held_until_the_first_line(stage):
    """A script that compiles slowly: the command must not run before."""
    first, rest = stage.recorded.running.split("\n", 1)
    stage.plays([["sleep", 0.6], ["out", first[:5]], ["sleep", 0.3], ["out", first[5:] + "\n" + rest], ["wait"]])
    process = stage.start("collect", "--", "sh", "-c", 'echo command >>"$STANDIN/events"')
    stage.await_event("dtrace ")
    assert "command" not in stage.events
    process.communicate(timeout=30)
    assert stage.events.index("counters read") < stage.events.index("command")


def test_kyua_plan_runs_as_command(stage, tmp_path):
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "kyua").write_text('#!/bin/sh\necho "$*"\nread -r line || echo "no input"\n')
    (bin_ / "kyua").chmod(0o755)
    plan = ["test", "-k", "/usr/tests/sys/Kyuafile"]
    status, out, err = stage.run("collect", "--fail-point", "uma_zalloc_arg=1%return", "--", str(bin_ / "kyua"), *plan)
    assert (status, out) == (0, "test -k /usr/tests/sys/Kyuafile\nno input\n"), err


def test_messages_stand_where_they_came(stage):
    """Slow output in pieces that end in mid-line: stderr goes between whole lines."""
    stage.plays(
        [
            ["out", "#vmtrace\t1\nT\t1"],
            ["sleep", 0.2],
            ["err", "dtrace: 3 drops on CPU 1\n"],
            ["sleep", 0.2],
            ["out", "2\nT\t13\n"],
            ["wait"],
            ["out", "\n#end\t14\n"],
        ]
    )
    status, _, err = stage.run("collect", "--duration", "1s")
    assert status == 0
    assert "dtrace lost 3 records: the buffers were full; try -x switchrate=100hz" in err
    assert "lost: 3 records" in err
    assert "#vmtrace\t1\ndtrace: 3 drops on CPU 1\nT\t12\nT\t13\n\n#end\t14\n" in stage.log()


def test_what_others_say_on_stderr_is_kept_as_a_directive(stage):
    stage.plays([["out", "#vmtrace\t1\n"], ["err", "ld-elf.so.1: a warning\n"], ["wait"], ["out", "#end\t2\n"]])
    stage.run("collect", "--duration", "100ms")
    assert "#host.stderr\tld-elf.so.1: a warning\n" in stage.log()


def test_compressed_by_name(stage):
    plain = {}
    for name, unpack in (
        ("log.gz", gzip.decompress),
        ("log.xz", lzma.decompress),
        ("log.zst", lambda data: pa.CompressedInputStream(io.BytesIO(data), "zstd").read()),
        ("log", bytes),
    ):
        stage.state.joinpath("read").unlink(missing_ok=True)
        status, _, err = stage.run("collect", "-o", name, "--duration", "100ms")
        assert status == 0, err
        plain[name] = steady(unpack((stage.folder / name).read_bytes()).decode())
    assert set(plain.values()) == {expected(stage, "vmwatch", "the end of its duration")}


def test_log_to_standard_output(stage):
    status, out, err = stage.run("collect", "-o", "-", "--", "echo", "command's words")
    assert status == 0
    assert steady(out) == expected(stage, "vmwatch", "the end of COMMAND", command="echo 'command'\"'\"'s words'")
    assert "\ncommand's words\n" in err


def test_hostile_command_stays_one_line(stage):
    stage.run("collect", "--", "true", "a\tb\n#end\t1")
    assert "#host.command\ttrue 'a\\tb\\n#end\\t1'\n" in stage.log()


@pytest.mark.parametrize(
    ("name", "words", "arguments"),
    [
        ("13.2/badfault.log.xz", ["--pid", "1"], "'1' '' '0'"),
        ("13.2/badfault.log.xz", ["--exec", "bad fault"], "'0' 'bad fault' '0'"),
        ("10.1/badfault.log.xz", ["--exec", "a'b"], "'0' \"a'b\" '0'"),
    ],
)
def test_targets_become_script_arguments(make_stage, name, words, arguments):
    stage = make_stage(name)
    status, _, err = stage.run("collect", *words, "--duration", "100ms")
    assert status == 0, err
    assert stage.events[0].endswith(f".d' {arguments}")


def test_vmevents_is_narrowed_to_the_process_group_of_the_command(make_stage):
    stage = make_stage("13.2/events-badfault.log.xz")
    status, out, err = stage.run("collect", "--script", "vmevents", "--", "sh", "-c", "ps -o pgid= -p $$")
    assert status == 0, err
    assert stage.events[0] == f"dtrace '-Z' '-s' 'vmevents.d' '0' '' '{out.strip()}'"


def test_vmevents_without_a_target_is_warned_of(make_stage):
    stage = make_stage("13.2/events-badfault.log.xz")
    status, _, err = stage.run("collect", "--script", "vmevents", "--duration", "100ms")
    assert status == 0
    assert "vmevents without a target traces every process" in err


def test_what_is_asked_of_the_faults(stage):
    out = stage.run("collect", "--dry-run", "--slower", "50ms", "--no-locks")[1]
    assert 'dtrace -Z -s "./vmwatch.d" 0 \'\' 0 50000000' in out.replace('""', "\'\'") and "lockstat:" not in out
    status, _, err = stage.run("collect", "--dry-run", "--slower", "50ms", "--exec", "sh")
    assert status == 64 and "--slower: vmfault records every fault" in err


def test_buffers_as_large_as_the_kernel_gives(stage):
    stage.run("collect", "--script", "vmfault", "--duration", "100ms")
    largest = int(stage.recorded.host["physmem"]) // 128 // int(stage.recorded.host["ncpu"])
    d = (stage.state / "script.d").read_text()
    assert f"\n#pragma D option bufsize={largest // 1024}k\n" in d
    assert "\n#pragma D option dynvarsize=32m\n" in d


def test_options_go_into_the_script(stage):
    stage.run("collect", "--duration", "100ms", "-x", "bufsize=64m", "-x", "droptags")
    d = (stage.state / "script.d").read_text()
    assert "\n#pragma D option bufsize=64m\n" in d
    assert "\n#pragma D option droptags\n" in d


def test_a_log_is_never_overwritten_unasked(stage):
    (stage.folder / "vmtrace.log").write_text("precious\n")
    status, out, err = stage.run("collect", "--duration", "100ms")
    assert (status, out) == (73, "")
    assert err == "vmtrace: vmtrace.log exists: choose another name with -o, or overwrite with --force\n"
    assert stage.log() == "precious\n"
    assert stage.events == []
    stage.plays([["err", "dtrace: failed to compile script x.d: line 1: y\n"], ["exit", 1]])
    assert stage.run("collect", "--duration", "100ms", "--force")[0] == 65
    assert stage.log() == "precious\n"
    stage.plays(stage.recorded.steps())
    assert stage.run("collect", "--duration", "100ms", "--force")[0] == 0
    assert steady(stage.log()) == expected(stage, "vmwatch", "the end of its duration")
    assert [path.name for path in stage.folder.iterdir() if path.is_file()] == ["vmtrace.log"]


def test_dry_run_changes_nothing(stage):
    status, out, err = stage.run(
        "collect", "--dry-run", "--fail-point", "uma_zalloc_arg=1%return", "--", "kyua", "test", "-k", "K file"
    )
    assert (status, err) == (0, "")
    assert stage.events == []
    assert not (stage.folder / "vmtrace.log").exists()
    lines = out.splitlines()
    assert lines[:2] == ["kldstat -q -m dtraceall || kldload dtraceall", 'dtrace -Z -s "./vmwatch.d"']
    order = [
        "sysctl debug.fail_point.uma_zalloc_arg=1%return",
        "kyua test -k 'K file' </dev/null",
        "sysctl debug.fail_point.uma_zalloc_arg=off",
        "kill -TERM $dtrace",
    ]
    assert [line for line in lines if line in order] == order
    assert out.endswith('printf("#end\\t%d\\n", timestamp); }\n')


def test_summary_of_a_real_log(stage):
    """Each phase has its line; faults are held against the script's own count of calls, the kernel's stands apart."""
    err = stage.run("collect", "--", "true")[2].splitlines()
    known = stage.recorded
    faults = known.out.count("\nF\t")
    calls = sum(int(line.split("\t")[2]) for line in known.out.splitlines() if line.startswith("C\tvm_fault\t"))
    growth = int(known.counters["after"][0][1]) - int(known.counters["before"][0][1])
    assert err[:3] == [
        "vmtrace: compiling vmwatch.d",
        "vmtrace: tracing vmtrace.log",
        "vmtrace: ending on the end of COMMAND",
    ]
    timed = [line for line in known.out.splitlines() if line.startswith(("#timestamp\t", "T\t"))]
    began, ended = (int(line.split("\t")[1]) for line in (timed[0], timed[-1]))
    assert re.search(rf": {(ended - began) / 1e9:.1f} s, told to end after [\d.]+ s, {faults:,} faults \(", err[3])
    assert err[4] == f"vmtrace: coverage: 100 %, {faults:,} faults recorded of {calls:,} calls, no drops"
    assert err[5].startswith(f"vmtrace: the kernel itself counted {growth:,} faults, of all processes, in ")
