# SPDX-License-Identifier: Apache-2.0
"""Persistent attachments outlive lbrd where its manager keeps them: nothing is lost uncounted."""

import contextlib
import os
import pathlib
import signal
import tempfile
import time

import harness
import manager
import paths
from observer import Observer, detach_and_read, keep, list_attachments

PACKET = paths.ALL[0]


def test_killed_and_nothing_is_lost():
    """Before, while lbrd is dead, and after: every run is delivered, numbered without a gap."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        before = keep(lbrd, loaded["paths"])
        observer = Observer(lbrd)
        for round in range(4):
            loaded["paths"].run(PACKET.data, repeat=100)
            observer.read(300 * round + 100)
            lbrd.kill()
            loaded["paths"].run(PACKET.data, repeat=100)
            lbrd.start()
            observer.drain()
            assert observer.connect(), "another lineage"
            loaded["paths"].run(PACKET.data, repeat=100)
            observer.read(300 * round + 300)
        harness.equal(observer.sequences, list(range(1, 1201)))
        harness.equal(observer.lost, 0)
        with lbrd.connect() as c:
            (after,) = c.call("List")["attachments"]
            harness.equal(after.pop("events"), 1200)
            for member in ("events", "observers"):
                before.pop(member, None)
            after.pop("observers")
            harness.equal(after, before, "the attachment")
        harness.equal(detach_and_read(lbrd, observer, after["id"])["events"], 1200)
        harness.assert_no_tracers()
        harness.equal(lbrd.names("lbrd-tracer"), [])
        harness.equal(lbrd.names("lbrd-branches"), [])


def test_no_observer_and_later_one():
    """Nobody watched before: nobody is waited for, and the latest events are there to replay."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        keep(lbrd, loaded["paths"])
        lbrd.kill()
        loaded["paths"].run(PACKET.data, repeat=20)
        lbrd.start()
        with lbrd.connect() as c:
            while list_attachments(lbrd)[0]["events"] < 20:
                time.sleep(0.01)
            c.send("Watch", {"replay": 5}, more=True)
            assert c.receive()["parameters"]["ready"]
            numbers = [c.receive()["parameters"]["event"]["sequence"] for _ in range(5)]
            harness.equal(numbers, [16, 17, 18, 19, 20])


def test_only_what_is_persistent_goes_on():
    """A tracer that two attachments share goes on for one of them; the other's clients are told by
    the end of their connection, and its own tracer is gone."""
    with harness.Programs("paths") as loaded, harness.Programs("other") as others, \
            manager.Manager() as lbrd:
        lbrd.start()
        kept = keep(lbrd, loaded["paths"])["id"]
        observer = Observer(lbrd, attachments=[kept])
        with lbrd.connect() as c:
            for id in (loaded["paths"].id, others["other"].id):
                c.call("Attach", {"targets": [{"programId": id}]})
            harness.equal(len(lbrd.names("lbrd-tracer")), 1, "tracers kept")
            harness.equal(len(harness.bpftool("link", "show")), 2)
            loaded["paths"].run(PACKET.data, repeat=3)
            observer.read(3)
            lbrd.kill()
            assert c.receive_bytes() is None
        deadline = time.monotonic() + harness.TIMEOUT
        while len(harness.bpftool("link", "show")) > 1:
            assert time.monotonic() < deadline, "a tracer is left that nobody keeps"
            time.sleep(0.05)
        loaded["paths"].run(PACKET.data, repeat=3)
        lbrd.start()
        harness.equal([a["id"] for a in list_attachments(lbrd)], [kept])
        observer.drain()
        assert observer.connect()
        observer.read(6)
        harness.equal(keep(lbrd, others["other"])["id"], kept + 3, "the next id")
        # Attach and detach go on as if nothing had happened, with the tracer that is shared.
        with lbrd.connect() as c:
            again = c.call("Attach", {"targets": [{"programId": loaded["paths"].id}]})
            loaded["paths"].run(PACKET.data)
            observer.read(7)
            c.call("Detach", {"attachment": again["attachment"]["id"]})
            loaded["paths"].run(PACKET.data)
            observer.read(8)
        with lbrd.connect() as c:
            c.call("Detach", {"all": True})
        harness.assert_no_tracers()
        harness.equal(lbrd.names("lbrd-t"), [])


def test_filters_go_on():
    """By process, by limit, and by rate; of a kernel function, too, and without branches."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        limited = keep(lbrd, loaded["paths"], filter={"limit": 10}, withoutBranches=True)["id"]
        foreign = keep(lbrd, loaded["paths"], filter={"processId": 1})["id"]
        with lbrd.connect() as c:
            function = c.call("Attach", {
                "targets": [{"kernelFunction": "__x64_sys_getpgid"}], "persistent": True,
                "filter": {"processId": os.getpid(), "maxPerSecond": 5}})["attachment"]["id"]
        observer = Observer(lbrd)
        for _ in range(2):
            loaded["paths"].run(PACKET.data, repeat=4)
            os.getpgid(0)
            lbrd.restart()
            observer.drain()
            assert observer.connect()
        harness.equal([a["id"] for a in list_attachments(lbrd)], [limited, foreign, function])
        loaded["paths"].run(PACKET.data, repeat=4)
        observer.read_to_end()
        harness.equal(observer.ended["attachment"], limited)
        harness.equal(observer.ended["reason"], "limit")
        harness.equal(observer.ended["events"], 10)
        for _ in range(100):
            os.getpgid(0)
        observer.ended = None
        ended = detach_and_read(lbrd, observer, function)
        harness.equal(ended["events"], 102)
        assert ended["losses"]["rate"] > 50, ended
        observer.ended = None
        harness.equal(detach_and_read(lbrd, observer, foreign)["events"], 0)
    harness.assert_no_tracers()


def test_branches_are_recorded_while_no_lbrd_runs():
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        keep(lbrd, loaded["paths"])
        observer = Observer(lbrd)
        harness.equal(len(lbrd.names("lbrd-branches")), os.cpu_count(), "branch events kept")

        def run():
            lbrd.kill()
            loaded["paths"].run(PACKET.data)

        def next_event():
            lbrd.start()
            observer.drain()
            assert observer.connect()
            observer.read(len(observer.sequences) + 1)
            return observer.event

        _, event = harness.undisturbed(run, next_event)
        lines = [b["from"].get("line") for b in event["branches"]]
        assert paths.markers()["exit"] in lines, lines
        assert "notice" not in event, event


def test_terminated_and_started_again():
    """As for an upgrade: `shutdown` is for what ends, the rest goes on; a stop ends all."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        kept = keep(lbrd, loaded["paths"])["id"]
        observer = Observer(lbrd)
        with lbrd.connect() as c:
            c.call("Attach", {"targets": [{"programId": loaded["paths"].id}]})
            loaded["paths"].run(PACKET.data, repeat=5)
            harness.equal(lbrd.restart(signal.SIGTERM), 0, "exit status")
        observer.drain()
        harness.equal(observer.ended["reason"], "shutdown")
        harness.equal(observer.ended["attachment"], kept + 1)
        assert observer.connect()
        loaded["paths"].run(PACKET.data, repeat=5)
        observer.read(10)
        harness.equal(observer.sequences, list(range(1, 11)))
        lbrd.stop()
        harness.assert_no_tracers()


def test_owners_go_on_paying():
    """What a user left with an earlier lbrd counts for what it may have, until it is detached."""
    share = 512  # half of all
    with harness.Programs("paths") as loaded, tempfile.NamedTemporaryFile("w") as policy, \
            manager.Manager(options=["--policy", policy.name]) as lbrd:
        policy.writelines(f"allow {right} everyone\n"
                          for right in ("observe", "attach", "administer", "addresses"))
        policy.flush()
        os.chmod(lbrd.directory, 0o755)
        os.chmod(lbrd.socket, 0o666)

        def attach(c):
            return c.call("Attach", {"targets": [{"programId": loaded["paths"].id}],
                                     "persistent": True})["attachment"]["id"]

        def used(c, name):
            return next(limit for limit in c.call("Describe")["limits"]
                        if limit["name"] == name)["used"]

        def check_full(c):
            harness.equal((used(c, "attachments"), used(c, "allTargets")), (share, share))
            try:
                attach(c)
            except harness.VarlinkError as error:
                harness.equal((error.name, error.parameters["name"], error.parameters["value"]),
                              ("io.lbrd.LimitReached", "attachments", share))
            else:
                raise AssertionError("one more than the user may have")

        lbrd.start()
        with lbrd.connect("nobody") as c:
            ids = [attach(c) for _ in range(share)]
            check_full(c)
        lbrd.restart()
        with lbrd.connect("nobody") as c:
            check_full(c)
            c.call("Detach", {"attachment": ids[7]})
            attach(c)
            check_full(c)
            c.call("Detach", {"all": True})
            harness.equal((used(c, "attachments"), used(c, "allTargets")), (0, 0))
    harness.assert_no_tracers()


def test_lbrctl_comes_back():
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"])["id"]
        with lbrd.lbrctl("watch", str(id)) as watch, \
                lbrd.lbrctl("attach", "prog", str(loaded["paths"].id)) as attach:
            watch.wait_for(lambda line: "ready" in line)
            attach.wait_for(lambda line: "attachment" in line)
            loaded["paths"].run(PACKET.data, repeat=5)
            for _ in range(5):
                attach.wait_for(lambda line: "event" in line)
                watch.wait_for(lambda line: "event" in line)
            lbrd.kill()
            loaded["paths"].run(PACKET.data, repeat=5)
            lbrd.start()
            numbers = [watch.wait_for(lambda line: "event" in line)["event"]["sequence"]
                       for _ in range(5)]
            harness.equal(numbers, [6, 7, 8, 9, 10])
            again = attach.wait_for(lambda line: "attachment" in line)["attachment"]
            assert not again["persistent"] and again["id"] > id, again
            loaded["paths"].run(PACKET.data)
            watch.wait_for(lambda line: "event" in line)
            attach.wait_for(lambda line: "event" in line)
            for ctl in (watch, attach):
                ctl.send_signal(signal.SIGINT)
                harness.equal(ctl.wait(), 0, "exit status")
            assert "going on behind event #5" in watch.error_output(), watch.error_output()
            harness.equal(watch.error_output().splitlines()[-1], "11 events shown, 0 lost")
            harness.equal(attach.error_output().splitlines()[-1], "6 events shown, 0 lost")


def branch_events():
    """(process, descriptor) of every perf event that anybody holds."""
    found = []
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if "perf_event" in os.readlink(link):
                found.append(str(link))
    return found


def test_without_a_manager_nothing_is_left():
    with harness.Programs("paths") as loaded:
        idle = branch_events()
        for number in (signal.SIGKILL, signal.SIGTERM):
            lbrd = harness.Lbrd()
            id = keep(lbrd, loaded["paths"])["id"]
            assert len(branch_events()) > len(idle), "no branch events while attached"
            observer = Observer(lbrd, attachments=[id])
            harness.equal(observer.lineage, None, "numbers that go on")
            loaded["paths"].run(PACKET.data)
            observer.read(1)
            lbrd.send_signal(number)
            observer.drain()
            if number == signal.SIGTERM:
                harness.equal(observer.ended["reason"], "shutdown")
            harness.equal(lbrd.wait(), -number if number == signal.SIGKILL else 0, "exit status")
            harness.assert_no_tracers()
            harness.equal(branch_events(), idle, "branch events")


harness.main(globals())
