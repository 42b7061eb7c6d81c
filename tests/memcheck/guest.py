# SPDX-License-Identifier: Apache-2.0
"""lbrd under memcheck on a real kernel. What the kernel writes where bpf_prog_info points to, memcheck
does not know of and takes for undefined: so it looks for wrong accesses and leaks only. Undefined
values are looked for where a double stands in the kernel's place."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "guest"))
import harness  # noqa: E402
import paths  # noqa: E402

MEMCHECK = pathlib.Path(__file__).with_name("memcheck")
FOUND = 99
KALLSYMS = pathlib.Path("/proc/kallsyms")
harness.TIMEOUT = 900  # memcheck takes thirty times as long, and so does the emulator


def spare_symbols():
    """One kernel symbol of a hundred: to read them all takes minutes, and shows nothing more."""
    symbols = KALLSYMS.read_text().splitlines(keepends=True)
    few = pathlib.Path(tempfile.mkdtemp(), "kallsyms")
    few.write_text("".join(line for i, line in enumerate(symbols)
                           if i % 100 == 0 or "[" in line or line.endswith(" _stext\n")))
    subprocess.run(["mount", "--bind", few, KALLSYMS], check=True)


def watched_lbrd():
    """lbrd's stand-in."""
    wrapper = pathlib.Path(tempfile.mkdtemp(), "lbrd")
    wrapper.write_text(f'#!/bin/sh\nexec {MEMCHECK} --undef-value-errors=no {harness.LBRD} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def next_of(stream, kind):
    while kind not in (reply := stream.receive()["parameters"]):
        pass
    return reply[kind]


def test_a_leak_is_found():
    found = subprocess.run([MEMCHECK, harness.BPF_TOOL, "leak"], capture_output=True, text=True)
    harness.equal(found.returncode, FOUND, found.stderr)


def test_attach_watch_dump_and_detach():
    spare_symbols()
    harness.LBRD = watched_lbrd()
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        target = {"programId": loaded["paths"].id}
        streams = []
        for view in ("source", "instructions"):
            streams.append(lbrd.connect())
            streams[-1].send("Attach", {"targets": [target], "view": view}, more=True)
            assert "attachment" in streams[-1].receive()["parameters"]
        for path in paths.ALL:
            loaded["paths"].run(path.data)
            for stream in streams:
                event = next_of(stream, "event")
                harness.equal(event["returnValue"], path.returns)
                assert "path" in event
        for method in ("Programs", "List", "Describe"):
            c.call(method)
        for xlated in (False, True):
            assert c.call("Dump", {"target": target, "xlated": xlated})["code"]
        try:
            c.call("Attach", {"targets": [{"programId": 999999}]})
            raise AssertionError("attached to nothing")
        except harness.VarlinkError:
            pass
        streams.pop().socket.close()
        c.call("Detach", {"all": True})
        next_of(streams[0], "ended")
        harness.assert_no_tracers()


if not os.path.exists("/usr/bin/valgrind"):
    print("1..0 # SKIP valgrind is not installed")
    sys.exit()
harness.main(globals())
