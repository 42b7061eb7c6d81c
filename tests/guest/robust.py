# SPDX-License-Identifier: Apache-2.0
"""What a machine does to a daemon in a year: signals, no descriptors left, a ring that is full,
clocks that jump, CPUs that go and come back, file systems that are read-only. Runs on two CPUs.

A full disk is tried in lines.py, SIGHUP in permissions.py, memory that runs out in no_memory.py."""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time

import harness
import paths

PACKET = paths.ALL[0]
DAY = 86400
CPU1 = pathlib.Path("/sys/devices/system/cpu/cpu1/online")


def attach(connection, program, **options):
    """Attaches with `more`; the attachment's id."""
    connection.send("Attach", {"targets": [{"programId": program.id}], **options}, more=True)
    return connection.receive()["parameters"]["attachment"]["id"]


def next_event(connection):
    while True:
        parameters = connection.receive()["parameters"]
        if "event" in parameters:
            return parameters["event"]


def see(connection, program, cpu=None):
    program.run(PACKET.data, cpu=cpu)
    return next_event(connection)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files_open(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def files_limited(pid, more):
    """As many descriptors can be opened as `more` says."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = files_open(pid)
    free = [fd for fd in range(len(used) + more + 1) if fd not in used]
    limit = free[more] if len(free) > more else used[-1] + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_signals_that_mean_nothing_change_nothing():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        attach(c, loaded["paths"])
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGPIPE):
            lbrd.send_signal(number)
            harness.equal(see(c, loaded["paths"])["returnValue"], PACKET.returns)


def test_a_reader_that_goes_in_mid_message():
    """lbrctl writes into a pipe that nobody reads: it ends, and its attachment with it."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as other:
        ctl = lbrd.lbrctl("attach", "prog", str(loaded["paths"].id))
        with ctl:
            id = ctl.wait_for(lambda line: "attachment" in line)["attachment"]["id"]
            other.send("Watch", {"attachments": [id]}, more=True)
            other.receive()
            ctl.process.stdout.close()
            loaded["paths"].run(PACKET.data, repeat=100)
            while "ended" not in (last := other.receive()["parameters"]):
                pass
            harness.equal(last["ended"]["reason"], "ownerGone")
            ctl.process.wait(harness.TIMEOUT)
    harness.assert_no_tracers()


def test_terminated_while_it_attaches():
    for _ in range(3):
        with harness.Lbrd() as lbrd, lbrd.connect() as c:
            c.send("Attach", {"targets": [{"kernelFunction": f} for f in (
                "vfs_link", "vfs_mkdir", "vfs_readlink", "vfs_rename", "vfs_rmdir")]}, more=True)
            lbrd.send_signal(signal.SIGTERM)
            lbrd.send_signal(signal.SIGTERM)
            harness.equal(lbrd.wait(), 0, "exit status")
        harness.assert_no_tracers()


def test_no_descriptor_for_who_connects():
    """They wait, lbrd does not spin, and all are served when there is room again."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        attach(c, loaded["paths"])
        with contextlib.ExitStack() as stack:
            with files_limited(lbrd.pid, 2):
                waiting = [stack.enter_context(lbrd.connect()) for _ in range(8)]
                for client in waiting:
                    client.send("List")
                begin, start = cpu_seconds(lbrd.pid), time.monotonic()
                # Who is connected is served all the while: that is what the time passes with.
                while time.monotonic() < start + 2:
                    see(c, loaded["paths"])
                used = (cpu_seconds(lbrd.pid) - begin) / (time.monotonic() - start)
                assert used < 0.5, f"lbrd was busy {used:.0%} of the time"
            for client in waiting:
                harness.equal(len(client.receive()["parameters"]["attachments"]), 1)


def test_no_descriptor_at_any_point_of_attaching():
    """With ever more of them: refused with a declared error and nothing kept, or attached."""
    for selector in ({"programName": "paths"}, {"kernelFunction": "vfs_readlink"}):
        refusals = []
        with harness.Programs("paths"), harness.Lbrd() as lbrd, lbrd.connect() as c:
            # What is opened once and then kept is no leak.
            id = c.call("Attach", {"targets": [selector]})["attachment"]["id"]
            c.call("Detach", {"attachment": id})
            before = files_open(lbrd.pid)
            for more in range(64):
                with files_limited(lbrd.pid, more):
                    try:
                        id = c.call("Attach", {"targets": [selector]})["attachment"]["id"]
                        break
                    except harness.VarlinkError as error:
                        refusals.append((error.name, error.parameters))
                harness.equal(c.call("List"), {"attachments": []})
                left = set(files_open(lbrd.pid)) - set(before)
                assert not left, f"files left open by a refusal: {left}"
            else:
                raise AssertionError(f"never attached: {refusals}")
            print(f"# {selector}: {len(refusals)} refusals")
            assert len(refusals) >= 3, refusals
            for name, parameters in refusals:
                text = str(parameters)
                assert "open files" in text or "file descriptor" in text, f"does not say why: {name} {text}"
            c.call("Detach", {"attachment": id})
        harness.assert_no_tracers()


def test_a_full_ring_is_accounted_for():
    runs = 30000
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        id = attach(c, loaded["paths"])
        lbrd.send_signal(signal.SIGSTOP)
        loaded["paths"].run(PACKET.data, repeat=runs)
        lbrd.send_signal(signal.SIGCONT)
        with lbrd.connect() as other:
            other.send("Detach", {"attachment": id})
            events = lost = 0
            while "ended" not in (last := c.receive()["parameters"]):
                events += "event" in last
                lost += last.get("lost", {}).get("count", 0)
        harness.equal(last["ended"]["events"], runs)
        harness.equal(events + lost, runs, "delivered + lost")
        assert last["ended"]["losses"].get("ringFull", 0) > 0, last


@contextlib.contextmanager
def clock_changed():
    """The wall clock may be set; it goes on as if it had not been."""
    real, monotonic = time.time(), time.monotonic()
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, real + time.monotonic() - monotonic)


def test_the_clock_jumps():
    """Events go on, in order by their time stamps, and show the new time a while later."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c, \
            clock_changed():
        attach(c, loaded["paths"])
        last = see(c, loaded["paths"])["timestamp"]
        for jump in (3 * DAY, -5 * DAY, 40 * 365 * DAY):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + jump)
            set_at = time.monotonic()
            while True:
                event = see(c, loaded["paths"])
                assert last < event["timestamp"] <= time.monotonic_ns(), event["timestamp"]
                last = event["timestamp"]
                off = time.time() - event["time"] / 1e9
                if abs(off) < 60:
                    break
                assert time.monotonic() < set_at + harness.TIMEOUT, f"still {off} s off"
            with lbrd.lbrctl("list", json_output=False) as ctl:
                harness.equal(ctl.wait(), 0, "exit status of list")
        # What is waited for by the clock that does not jump is not late either.
        with lbrd.connect() as other:
            other.call("Describe")


def online_cpus(lbrd):
    with lbrd.connect() as c:
        return c.call("Describe")["onlineCpus"]


def test_a_cpu_goes_and_comes_back():
    """What takes the descriptor of what was open on it, a client for one, is served all the same."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        program = loaded["paths"]
        attach(c, program)
        for _ in range(3):
            harness.equal(see(c, program, cpu=1)["cpu"], 1)
            CPU1.write_text("0\n")
            try:
                event = see(c, program)
                harness.equal((event["cpu"], event["returnValue"]), (0, PACKET.returns))
                harness.wait_until(lambda: online_cpus(lbrd) == 1, "the CPU that went still counts")
            finally:
                CPU1.write_text("1\n")
            deadline = time.monotonic() + harness.TIMEOUT
            while not (event := see(c, program, cpu=1))["branches"]:
                assert time.monotonic() < deadline, f"no branches of the CPU that came: {event}"
            harness.equal(event["cpu"], 1)
    harness.assert_no_tracers()


@contextlib.contextmanager
def mounted(options):
    directory = tempfile.mkdtemp(prefix="mount-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_read_only_place_for_the_socket():
    with mounted("ro") as directory:
        done = subprocess.run([harness.LBRD, "--socket", f"{directory}/lbrd.sock"],
                              capture_output=True, text=True, timeout=harness.TIMEOUT)
        harness.equal(done.returncode, 1, "exit status")
        for word in (f"{directory}/lbrd.sock", "Read-only file system", "--socket"):
            assert word in done.stderr, done.stderr


def test_the_place_of_the_socket_turns_read_only():
    """Who can connect is served, and the end is as good as any."""
    with mounted("size=64k") as directory, harness.Programs("paths") as loaded:
        socket_path = f"{directory}/lbrd.sock"
        lbrd = harness.Process(harness.LBRD, "--socket", socket_path)
        with lbrd:
            harness.wait_until(lambda: os.path.exists(socket_path), "no socket", lbrd)
            subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
            with harness.Connection(socket_path) as c:
                attach(c, loaded["paths"])
                harness.equal(see(c, loaded["paths"])["returnValue"], PACKET.returns)
            lbrd.send_signal(signal.SIGTERM)
            harness.equal(lbrd.wait(), 0, "exit status")
    harness.assert_no_tracers()


harness.main(globals())
