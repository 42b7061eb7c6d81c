# SPDX-License-Identifier: Apache-2.0
"""lbrd is replaced by another build of it, later or earlier: that one goes on with all, or it drops
all, says so once, and leaves nothing behind."""

import os

import harness
import manager
import paths
from observer import Observer, detach_and_read, keep, list_attachments

PACKET = paths.ALL[0]
RELEASE, STATE, TRACERS = (harness.BUILD / "tests" / "guest" / f"lbrd-of-other-{what}"
                           for what in ("release", "state", "tracers"))


def replace(lbrd, program):
    """As a package does, which restarts the service."""
    harness.equal(lbrd.kill(manager.signal.SIGTERM), 0, "exit status")
    lbrd.program = program


def version(lbrd):
    with lbrd.connect() as c:
        return c.call("Describe")["version"]


def test_another_release():
    """There and back: the next one goes on with all that happened meanwhile."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        before = keep(lbrd, loaded["paths"])
        observer, own = Observer(lbrd), version(lbrd)
        for n, (program, release) in enumerate([(RELEASE, "99"), (harness.LBRD, own)]):
            loaded["paths"].run(PACKET.data, repeat=20)
            observer.read(40 * n + 20)
            replace(lbrd, program)
            loaded["paths"].run(PACKET.data, repeat=20)
            lbrd.start()
            observer.drain()
            assert observer.connect(), "another lineage"
            observer.read(40 * n + 40)
            harness.equal(version(lbrd), release)
        harness.equal(observer.sequences, list(range(1, 81)))
        harness.equal([a["id"] for a in list_attachments(lbrd)], [before["id"]])
        harness.equal(lbrd.error_output().count("goes on with 1 attachment"), 2)
        ended = detach_and_read(lbrd, observer, before["id"])
        harness.equal((ended["events"], sum(ended["losses"].values())), (80, 0))
    harness.assert_no_tracers()


def maps():
    """Of any lbrd."""
    return [m for m in harness.bpftool("map", "show") if m.get("name", "").startswith("lbrd_")]


def held(lbrd):
    """What lbrd and its manager, which this process is, hold of the kernel's."""
    kinds = harness.descriptors(lbrd.pid) + harness.descriptors(os.getpid())
    return {kind: n for kind, n in kinds.items() if kind.startswith("anon_inode:")
            and ("bpf" in kind or "perf" in kind)}


def check_nothing_is_left(lbrd, idle):
    """Beside what an lbrd has that nothing is attached with: its ring and its pool."""
    harness.assert_no_tracers()
    harness.wait_until(lambda: len(maps()) <= 2, "maps are left behind")
    harness.equal([n.rstrip("0123456789") for n in lbrd.names()], ["lbrd-state-"], "the store")
    harness.equal(held(lbrd), idle, "links, maps, perf events")


def test_one_that_does_not_understand():
    """Each way: to one of another format and back to this one, which a downgrade is."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        idle = held(lbrd)
        said = len(lbrd.error_output().splitlines())
        for program, reason in ((STATE, "it is of another version of lbrd"),
                                (harness.LBRD, "it is of another version of lbrd"),
                                (TRACERS, "its tracers are of another version of lbrd"),
                                (harness.LBRD, "its tracers are of another version of lbrd")):
            keep(lbrd, loaded["paths"])
            keep(lbrd, loaded["paths"], withoutBranches=True)
            observer = Observer(lbrd)
            loaded["paths"].run(PACKET.data)
            observer.read(2)
            assert held(lbrd) != idle
            replace(lbrd, program)
            loaded["paths"].run(PACKET.data, repeat=20)
            lbrd.start()
            lines = lbrd.error_output().splitlines()[said:]
            said += len(lines)
            harness.equal(len(lines), 1, "lines of the journal")
            assert f"not taken over: {reason}. Its attachments have ended" in lines[0], lines
            harness.equal(list_attachments(lbrd), [])
            check_nothing_is_left(lbrd, idle)
            observer.drain()
            assert not observer.connect(), "the numbers of an lbrd whose state was dropped go on"
            # The new one works as if nothing had been.
            id = keep(lbrd, loaded["paths"])["id"]
            loaded["paths"].run(PACKET.data, repeat=3)
            harness.equal(detach_and_read(lbrd, observer, id)["events"], 3)
            harness.equal(observer.sequences[2:], [1, 2, 3])
            observer.connection.socket.close()


harness.main(globals())
