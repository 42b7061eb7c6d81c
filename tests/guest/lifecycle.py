# SPDX-License-Identifier: Apache-2.0
"""However an attachment, a client, a target or lbrd ends: nothing is left behind."""

import contextlib
import os
import select
import signal

import harness
import paths

PACKET = paths.ALL[0]


def attached(lbrd, *arguments):
    ctl = lbrd.lbrctl("attach", *arguments)
    return ctl, ctl.wait_for(lambda line: "attachment" in line)["attachment"]["id"]


def run_and_see(ctl, program):
    """The event of a run that no interrupt fell into."""
    return harness.undisturbed(lambda: program.run(PACKET.data),
                               lambda: ctl.wait_for(lambda line: "event" in line)["event"])[1]


def list_ids(lbrd):
    with lbrd.connect() as c:
        return [a["id"] for a in c.call("List")["attachments"]]


def test_ctrl_c_detaches_and_tells_the_totals():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attached(lbrd, "prog", str(loaded["paths"].id))
        with ctl:
            loaded["paths"].run(PACKET.data, repeat=3)
            for _ in range(3):
                ctl.wait_for(lambda line: "event" in line)
            ctl.send_signal(signal.SIGINT)
            ended = ctl.wait_for(lambda line: "ended" in line)["ended"]
            harness.equal(ended["reason"], "detached")
            harness.equal(ended["events"], 3)
            harness.equal(ctl.wait(), 0, "exit status")
        harness.equal(list_ids(lbrd), [])
        harness.assert_no_tracers()


def test_a_client_killed_takes_its_attachment_along():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        with lbrd.connect() as c:
            c.send("Watch", {}, more=True)
            c.receive()
            ctl, id = attached(lbrd, "prog", str(loaded["paths"].id))
            ctl.send_signal(signal.SIGKILL)
            ctl.wait()
            harness.equal(c.receive()["parameters"]["ended"]["attachment"], id)
        harness.assert_no_tracers()
        harness.equal(list_ids(lbrd), [])


# Each takes the kernel 1 to 100 ms to attach to, and as long to detach from.
MANY = [{"kernelFunction": f"vfs_{f}"} for f in (
    "fallocate", "fsync", "link", "listxattr", "mkdir", "mknod", "readlink", "removexattr", "rename",
    "rmdir", "setxattr", "statfs", "symlink", "truncate", "unlink")]


# Who is to see lbrd in the middle of it may get the CPU too late, and then tries again.
ATTEMPTS = 20


def is_answered(connection):
    return bool(select.select([connection.socket], [], [], 0)[0])


def list_after(connection, method, parameters, other):
    """What others see listed as soon as lbrd has read the call of this connection, which is known:
    of two calls of theirs the second one comes later."""
    connection.call("List")
    connection.send(method, parameters, more=method == "Attach")
    other.call("List")
    return [attachment["id"] for attachment in other.call("List")["attachments"]]


def test_nobody_waits_while_kernel_functions_are_attached_to():
    with harness.Lbrd() as lbrd, lbrd.connect() as other:
        for _ in range(ATTEMPTS):
            with lbrd.connect() as owner:
                listed = list_after(owner, "Attach", {"targets": MANY}, other)
                id = owner.receive()["parameters"]["attachment"]["id"]
                harness.equal(list_ids(lbrd), [id])
                harness.equal(len(harness.tracers()), 2 * len(MANY), "programs and links")
            harness.assert_no_tracers()
            if not listed:
                return
    raise AssertionError("others were served only after the attaching")


def goes_while_it_attaches(lbrd, other):
    """False: it was attached before lbrd knew that the client had gone, and is detached."""
    with lbrd.connect() as owner:
        list_after(owner, "Attach", {"targets": MANY, "persistent": True}, other)
    harness.wait_until(lambda: not harness.tracers() or other.call("List")["attachments"],
                       "neither attached nor given up")
    kept = other.call("Detach", {"all": True})["detached"]
    harness.assert_no_tracers()
    return not kept


def test_a_client_goes_in_the_middle_of_attaching():
    with harness.Lbrd() as lbrd, lbrd.connect() as other:
        assert any(goes_while_it_attaches(lbrd, other) for _ in range(ATTEMPTS)), "always too late"
        harness.equal(other.call("List")["attachments"], [])
        with lbrd.connect() as c:
            c.send("Watch", {}, more=True)
            c.receive()
            id = other.call("Attach", {"targets": MANY[:1]})["attachment"]["id"]
            other.call("Detach", {"attachment": id})
            harness.equal(c.receive()["parameters"]["ended"]["attachment"], id)
    harness.assert_no_tracers()


def test_nobody_waits_while_kernel_functions_are_detached_from():
    with harness.Lbrd() as lbrd, lbrd.connect() as owner, lbrd.connect() as other:
        seen = 0
        for _ in range(ATTEMPTS):
            id = owner.call("Attach", {"targets": MANY, "persistent": True})["attachment"]["id"]
            listed = list_after(owner, "Detach", {"attachment": id}, other)
            assert id not in listed, listed
            seen += not is_answered(owner)
            # What is still being detached from can be attached to.
            other.call("Attach", {"targets": MANY[-1:]})
            harness.equal(owner.receive()["parameters"], {"detached": [id]})
            if seen == 2:
                break
        assert seen, "others were served only after the detaching"
    harness.assert_no_tracers()


def test_keep_outlives_its_client_until_detach():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        with lbrd.lbrctl("attach", "--keep", "prog", str(loaded["paths"].id)) as ctl:
            id = ctl.wait_for(lambda line: "attachment" in line)["attachment"]["id"]
            harness.equal(ctl.wait(), 0, "exit status")
        harness.equal(list_ids(lbrd), [id])
        loaded["paths"].run(PACKET.data)
        with lbrd.lbrctl("watch", str(id), "--replay", "1", "--limit", "1") as ctl:
            event = ctl.wait_for(lambda line: "event" in line)["event"]
            harness.equal(event["returnValue"], PACKET.returns)
            harness.equal(ctl.wait(), 0, "exit status of watch")
        with lbrd.lbrctl("detach", str(id)) as ctl:
            harness.equal(ctl.wait(), 0, "exit status of detach")
        harness.assert_no_tracers()


def test_sigterm_with_attachments_leaves_nothing():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attached(lbrd, "prog", str(loaded["paths"].id))
        with lbrd.lbrctl("attach", "--keep", "func", "__x64_sys_getpgid") as keep:
            harness.equal(keep.wait(), 0)
        with ctl:
            lbrd.send_signal(signal.SIGTERM)
            ended = ctl.wait_for(lambda line: "ended" in line)["ended"]
            harness.equal(ended["reason"], "shutdown")
            ctl.wait()
        harness.equal(lbrd.wait(), 0, "exit status of lbrd")
    harness.assert_no_tracers()


def test_sigkill_of_lbrd_leaves_nothing():
    with harness.Programs("paths") as loaded:
        lbrd = harness.Lbrd()
        ctl, _ = attached(lbrd, "prog", str(loaded["paths"].id), "--wait", "0")
        with ctl:
            lbrd.kill()
            assert ctl.wait() != 0, "lbrctl lost its stream and did not say so"
    harness.assert_no_tracers()


def test_the_target_is_unloaded_and_reloaded():
    with harness.Lbrd() as lbrd:
        first = harness.Programs("paths")
        ctl, _ = attached(lbrd, "prog", str(first["paths"].id))
        with ctl:
            first["paths"].run(PACKET.data)
            ctl.wait_for(lambda line: "event" in line)
            first.unload()
            with harness.Programs("paths") as second:
                assert second["paths"].id != first["paths"].id
                again, _ = attached(lbrd, "prog", str(second["paths"].id))
                with again:
                    event = run_and_see(again, second["paths"])
                    harness.equal(event["target"]["programId"], second["paths"].id)
                    lines = [b["from"].get("line") for b in event["branches"]]
                    assert paths.markers()["exit"] in lines, lines
            ctl.send_signal(signal.SIGINT)
            harness.equal(ctl.wait(), 0, "exit status")
        harness.assert_no_tracers()
        harness.wait_until(lambda: not harness.is_loaded(first["paths"].id), "still loaded")


def test_reloading_never_gives_a_stale_name():
    """Addresses are reused by another program: its own lines must be shown."""
    with harness.Lbrd() as lbrd:
        for round in range(12):
            name = ("paths", "other")[round % 2]
            with harness.Programs(name) as loaded:
                program = loaded[name]
                ctl, _ = attached(lbrd, "prog", str(program.id))
                with ctl:
                    event = run_and_see(ctl, program)
                    leaving = event["branches"][0]["from"]
                    assert leaving["file"].endswith(f"{name}.bpf.c"), leaving
                    assert name in leaving["symbol"], leaving


def test_branch_events_are_open_only_while_needed():
    def open_events(lbrd):
        count = 0
        for fd in os.listdir(f"/proc/{lbrd.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # lbrd looks at a program, for a moment
                count += "perf_event" in os.readlink(f"/proc/{lbrd.pid}/fd/{fd}")
        return count

    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        idle = open_events(lbrd)
        ctl, _ = attached(lbrd, "prog", str(loaded["paths"].id))
        with ctl:
            assert open_events(lbrd) > idle, "no branch event while attached"
            ctl.send_signal(signal.SIGINT)
            ctl.wait()
        harness.wait_until(lambda: open_events(lbrd) == idle, "an idle lbrd has branch events")


def test_socket_activation():
    """systemd listens, the first client starts lbrd, and it is served."""
    path = "/tmp/activated.sock"
    with harness.Process("systemd-socket-activate", "--listen", path, "--fdname", "varlink",
                         harness.LBRD) as activator:
        harness.wait_until(lambda: os.path.exists(path), "no socket", activator)
        with harness.Process(harness.LBRCTL, "--socket", path, "--json", "list") as ctl:
            harness.equal(ctl.wait_for(lambda line: True), {"attachments": []})
            harness.equal(ctl.wait(), 0, "exit status")


harness.main(globals())
