# SPDX-License-Identifier: Apache-2.0
"""Thousands of attachments come and go: nothing of them stays, neither in lbrd nor in the kernel.
usage: leaks.py CYCLES [--no-branches]"""

import pathlib
import sys
import time

import harness
import paths

CYCLES = int(sys.argv.pop(1))
WITHOUT_BRANCHES = sys.argv[1:] == ["--no-branches"]
del sys.argv[1:]
PACKET = paths.ALL[0]


def counters(connection):
    return {k["name"]: k["value"] for k in connection.call("Describe")["counters"]}


def memory(lbrd):
    """KB of lbrd's own."""
    status = pathlib.Path(f"/proc/{lbrd.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])


def is_sanitized(lbrd):
    """Freed memory is kept back then, and what is not freed is told when lbrd ends."""
    return "libasan" in pathlib.Path(f"/proc/{lbrd.pid}/maps").read_text()


def kernel_memory():
    """KB that the kernel has for itself: slabs, per-CPU areas, vmalloc."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return sizes["SUnreclaim"] + sizes["Percpu"] + sizes["VmallocUsed"]


def objects():
    """Programs, links and maps in the kernel."""
    return tuple(len(harness.bpftool(kind, "show")) for kind in ("prog", "link", "map"))


def settled(connection, programs):
    """Symbols of unloaded tracers are kept for a while: waits until they are gone."""
    harness.wait_until(lambda: counters(connection)["programs"] <= programs, "symbols are left")


def cycle(connection, program, n):
    for _ in range(n):
        id = connection.call("Attach", {"targets": [{"programId": program.id}], "persistent": True,
                                        "withoutBranches": WITHOUT_BRANCHES})["attachment"]["id"]
        connection.call("Detach", {"attachment": id})


def test_attachments():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        program = loaded["paths"]
        known = counters(c)["programs"]
        cycle(c, program, CYCLES // 10)
        settled(c, known)
        harness.assert_no_tracers()
        before = harness.descriptors(lbrd.pid), objects()
        own, kernel, started = memory(lbrd), kernel_memory(), time.monotonic()
        cycle(c, program, CYCLES)
        took = time.monotonic() - started
        settled(c, known)
        harness.assert_no_tracers()
        harness.equal((harness.descriptors(lbrd.pid), objects()), before,
                      "descriptors and BPF objects")
        print(f"# {CYCLES} cycles in {took:.0f} s; lbrd {own} KB, then {memory(lbrd)}; "
              f"kernel {kernel} KB, then {kernel_memory()}")
        # The heap settles within half a megabyte; a page for each attachment would be far more.
        assert is_sanitized(lbrd) or memory(lbrd) - own < 512 + CYCLES * 50 / 1024, "lbrd grows"
        # It frees a while later, and more so on a busy machine.
        harness.wait_until(lambda: kernel_memory() - kernel < 4096 + CYCLES * 400 / 1024,
                           "the kernel's memory grows")
        # And it works as on the first day.
        c.send("Attach", {"targets": [{"programId": program.id}],
                          "withoutBranches": WITHOUT_BRANCHES}, more=True)
        c.receive()
        program.run(PACKET.data)
        harness.equal(c.receive()["parameters"]["event"]["returnValue"], PACKET.returns)


harness.main(globals())
