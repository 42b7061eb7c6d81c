# SPDX-License-Identifier: Apache-2.0
"""The real systemd keeps what persistent attachments need, however lbrd ends but by a stop."""

import os
import pathlib
import shutil
import signal
import time

import harness
import paths
import service
from observer import Observer, check_numbers, keep, list_attachments

PACKET = paths.ALL[0]
CORES = pathlib.Path("/run")


def wait_for_another(lbrd, pid):
    """Until systemd has started an lbrd that is not `pid`, and it serves."""
    deadline = time.monotonic() + harness.TIMEOUT
    while lbrd.property("MainPID") in (pid, "0") or lbrd.property("ActiveState") != "active":
        assert time.monotonic() < deadline, f"lbrd is not started again: {lbrd.journal()}"
        time.sleep(0.05)


def signal_it(number):
    def end(lbrd, pid):
        os.kill(int(pid), number)
    return end


def restart(lbrd, pid):
    lbrd.systemctl("restart", "lbrd.service")


# How lbrd ends, and what systemd makes of it.
ENDS = [
    ("SIGKILL", signal_it(signal.SIGKILL)),
    ("SIGSEGV", signal_it(signal.SIGSEGV)),
    ("restart", restart),
    ("hung", signal_it(signal.SIGSTOP)),
]


def test_replaced_by_another_build():
    """As by a package, which restarts the service: one of another release goes on, one of another
    format says why it does not, and leaves nothing with systemd."""
    place = next(p for p in service.installed().values() if p.parts[-2:] == ("sbin", "lbrd"))
    with service.Service() as lbrd, harness.Programs("paths") as loaded:
        keep(lbrd, loaded["paths"])
        observer = Observer(lbrd)
        for what, goes_on in (("release", True), ("state", False)):
            new = place.with_suffix(".new")
            shutil.copy(harness.BUILD / "tests" / "guest" / f"lbrd-of-other-{what}", new)
            new.rename(place)
            loaded["paths"].run(PACKET.data, repeat=20)
            lbrd.systemctl("restart", "lbrd.service")
            observer.drain()
            harness.equal(observer.connect(), goes_on, what)
            harness.equal(len(list_attachments(lbrd)), goes_on, what)
        harness.equal((len(observer.sequences), observer.lost), (40, 0))
        harness.assert_no_tracers()
        # One descriptor: the state of the one that began anew.
        harness.equal(lbrd.property("NFileDescriptorStore"), "1")
        journal = lbrd.journal()
        harness.equal(journal.count("is not taken over: it is of another version of lbrd"), 1,
                      journal)


def test_every_end():
    """Runs before, during and after each end: all delivered, numbered without a gap. A crash, and a
    hang, leave a core."""
    n = 0
    settings = ("[Service]\nWatchdogSec=2s\n[Unit]\nStartLimitIntervalSec=0\n"
                # The address sanitizer, if it is there, leaves the crash to the kernel.
                "[Service]\n"
                "Environment=ASAN_OPTIONS=handle_segv=0:disable_coredump=0:detect_leaks=0")
    with service.Service(settings) as lbrd, \
            harness.Programs("paths") as loaded, \
            harness.sysctl("kernel/core_pattern", f"|/bin/dd bs=64k of={CORES}/%s"):
        program = loaded["paths"]
        before = keep(lbrd, program)
        observer = Observer(lbrd)
        for name, end in ENDS:
            pid = lbrd.property("MainPID")
            program.run(PACKET.data, repeat=50)
            n += 50
            observer.read(n)
            end(lbrd, pid)
            program.run(PACKET.data, repeat=50)
            wait_for_another(lbrd, pid)
            observer.drain()
            assert observer.connect(), "another lineage"
            program.run(PACKET.data, repeat=50)
            n += 100
            observer.read(n)
            print(f"# {name}: {len(observer.sequences)} events of {n}, {observer.lost} lost")
            harness.equal(observer.sequences, list(range(1, n + 1)), name)
        harness.equal(observer.lost, 0)
        check_numbers(observer)
        with lbrd.connect() as c:
            (after,) = c.call("List")["attachments"]
            for member in ("id", "since", "ownerUserId", "ownerProcessId", "targets"):
                harness.equal(after[member], before[member], member)
            harness.equal(after["events"], n)
        journal = lbrd.journal()
        harness.equal(journal.count("goes on with 1 attachment"), len(ENDS), journal)
        # The crash, and the end that the watchdog makes, leave a core and say so.
        for number in (signal.SIGSEGV, signal.SIGABRT):
            core = (CORES / str(int(number))).read_bytes()
            assert core.startswith(b"\x7fELF"), f"no core of signal {number}"
        assert "code=dumped, status=11/SEGV" in journal, journal
        assert "Watchdog timeout" in journal and "code=dumped, status=6/ABRT" in journal, journal
        lbrd.systemctl("stop", "lbrd.socket", "lbrd.service")
        harness.assert_no_tracers()


harness.main(globals())
