# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on. They run as root in the guest (tests/vm), where BPF tracing
and branch records work; Python's standard library only.

A test file is a list of functions and one last line:

    import harness, paths

    def test_one_path():
        path = paths.ALL[0]
        with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
            with lbrd.lbrctl("attach", "prog", str(loaded["paths"].id), "--limit", "1") as ctl:
                ctl.wait_for(lambda line: "attachment" in line)
                loaded["paths"].run(path.data)
                event = ctl.wait_for(lambda line: "event" in line)["event"]
                assert ctl.wait() == 0
            harness.equal(event["returnValue"], path.returns)
        harness.assert_no_tracers()

    harness.main(globals())

Every function named test_* is one test of the TAP output, in the order of the file. `harness.skip`
skips one with its reason. Nothing here sleeps to wait: every wait is for an event, and ends in a
failure that shows what the processes said, at the latest after TIMEOUT seconds.

Objects are named as the BPF sources in this folder without ".bpf.c", or by their path. LBRD_BUILD is the
build directory (set by tests/vm/run).
"""

import collections
import contextlib
import json
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("LBRD_BUILD", "build")).absolute()
LBRD = BUILD / "daemon" / "lbrd"
LBRCTL = BUILD / "client" / "lbrctl"
BPF_TOOL = BUILD / "tests" / "guest" / "bpf-tool"
TIMEOUT = 120  # seconds for any single wait; the guest is emulated and may share its CPU
# What a program of a sanitized build ends with when it leaks or errs; none ends so by itself.
SANITIZED_STATUS = 99
for options in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    os.environ[options] = ":".join(filter(None, [
        os.environ.get(options), f"exitcode={SANITIZED_STATUS}",
        "detect_leaks=1" if options == "ASAN_OPTIONS" else "halt_on_error=1"]))


class Skip(Exception):
    """Raised by skip()."""


def interrupted(event):
    """Whether an interrupt or a fault fell into what the event recorded. The emulated CPU names
    the kind of every branch, so none can hide."""
    return event.get("notice") == "polluted" or any(
        branch.get("type") in ("interrupt", "exceptionReturn") for branch in event["branches"])


def undisturbed(run, next_event, reaches_back=lambda event: True, attempts=50):
    """Calls run(), then next_event(), until no interrupt fell into the recorded time and
    reaches_back(event), for rows of an interrupt may be trimmed as the tracer's after they pushed
    out older ones: (what run() returned, the event). Interrupts are no defect, and come often where
    code runs for the first time: to translate it takes the emulator as long as a timer tick. A test
    that expects every row needs this; one that checks only the newest row or the numbers does
    not."""
    refused = []
    for _ in range(attempts):
        ran, event = run(), next_event()
        if not interrupted(event) and reaches_back(event):
            return ran, event
        refused.append(event)
    raise AssertionError(f"none of {attempts} events is without an interrupt and long enough:\n"
                         + "\n".join(map(rows_of, refused)))


def enters(event, name):
    """Whether the entry of a function is in the record, whatever the compiler put behind its
    name."""
    return any(b["to"].get("symbol", "").split(".")[0] == name and b["to"]["offset"] == 0
               for b in event["branches"])


def rows_of(event):
    """The rows of an event in one line, oldest first, for the message of a failure."""
    def place(end):
        return f"{end.get('symbol', end['address'])}+{end.get('offset', 0):#x}"
    rows = [f"{place(b['from'])}>{place(b['to'])}" for b in reversed(event["branches"])]
    return " ".join([f"#{event['sequence']}", event.get("notice", ""), *rows])


def object_path(name):
    return name if "/" in str(name) else BUILD / "tests" / "guest" / f"{name}.bpf.o"


def skip(reason):
    raise Skip(reason)


def equal(got, expected, what=""):
    assert got == expected, f"{what or 'value'}:\n  got      {got!r}\n  expected {expected!r}"


def main(namespace):
    """Runs the test_* functions of a module (those named on the command line, if any): TAP."""
    tests = {k: v for k, v in namespace.items() if k.startswith("test_") and callable(v)}
    tests = {k: v for k, v in tests.items() if not sys.argv[1:] or k in sys.argv[1:]}
    print(f"1..{len(tests)}", flush=True)
    failed = False
    for number, (name, test) in enumerate(tests.items(), 1):
        start = time.monotonic()
        verdict, note = "ok", ""
        try:
            test()
        except Skip as reason:
            note = f" # SKIP {reason}"
        except BaseException:  # also SystemExit and KeyboardInterrupt: the plan must be kept
            verdict, failed = "not ok", True
            for line in traceback.format_exc().splitlines():
                print("#", line)
        print(f"# {time.monotonic() - start:.1f} s")
        print(f"{verdict} {number} - {name}{note}", flush=True)
    sys.exit(failed)


def credentials(user):
    """What a process of that user has, by the names that subprocess has for it."""
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid,
            "extra_groups": os.getgrouplist(user, entry.pw_gid)}


@contextlib.contextmanager
def acting_as(user):
    """Connections made in this context are that user's, as the daemon sees it."""
    other, groups = credentials(user), os.getgroups()
    os.setgroups(other["extra_groups"])
    os.setegid(other["group"])
    os.seteuid(other["user"])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


class Process:
    """A child with its output kept, of root or another user with all the groups that it is in. As
    a context: killed at the end if it still runs; one that a sanitizer ended is a failure."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, env=None, user=None, pass_fds=()):
        self.arguments = [str(a) for a in arguments]
        self.error_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.arguments, stdin=stdin, stdout=subprocess.PIPE, stderr=self.error_file,
            pass_fds=pass_fds, env={**os.environ, **(env or {})}, **(credentials(user) if user else {}))
        self.pid = self.process.pid
        self.pending = b""  # read, not yet taken as a line
        self.lines = []  # every line of standard output so far

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        self.kill()
        if exception_type is None and self.process.returncode == SANITIZED_STATUS:
            self.fail("what the sanitizer says")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def send_signal(self, number):
        self.process.send_signal(number)

    def error_output(self):
        """Everything it has written to standard error so far."""
        size = os.fstat(self.error_file.fileno()).st_size
        return os.pread(self.error_file.fileno(), size, 0).decode(errors="replace")

    def fail(self, why):
        raise AssertionError(
            f"{' '.join(self.arguments)}: {why}\n--- standard output, last lines:\n"
            + "\n".join(self.lines[-20:]) + f"\n--- standard error:\n{self.error_output()}")

    def read_line(self, timeout=TIMEOUT):
        """The next line of standard output without its newline; None at the end."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.fail(f"no further line within {timeout} s")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                if self.pending:
                    break
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        self.lines.append(line.decode(errors="replace"))
        return self.lines[-1]

    def wait_for(self, wanted, timeout=TIMEOUT):
        """Reads on until a JSON line for which wanted(object) is true, and returns it."""
        while (line := self.read_line(timeout)) is not None:
            value = json.loads(line)
            if wanted(value):
                return value
        self.fail("ended before the awaited line")

    def json_lines(self, timeout=TIMEOUT):
        """All further lines up to the end of the output, as objects."""
        values = []
        while (line := self.read_line(timeout)) is not None:
            values.append(json.loads(line))
        return values

    def wait(self, timeout=TIMEOUT):
        """Reads the output to its end and returns the exit status (-N: killed by signal N)."""
        while self.read_line(timeout) is not None:
            pass
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail(f"did not end within {timeout} s")


class Server:
    """What listens at self.socket, and whose lbrctl is self.client."""

    client = LBRCTL

    def lbrctl(self, *arguments, env=None, json_output=True, user=None):
        """Starts lbrctl against this daemon; a Process."""
        options = ["--socket", self.socket] + (["--json"] if json_output else [])
        return Process(self.client, *options, *arguments, env=env, user=user)

    def wait_unloaded(self, id):
        """Until a program is gone, as lbrd sees it: long before its grace time is over."""
        with self.connect() as c:
            wait_until(lambda: not any(p["id"] == id for p in c.call("Programs")["programs"]),
                       f"program {id} is still there")

    def connect(self, user=None):
        with acting_as(user) if user else contextlib.nullcontext():
            return Connection(self.socket)


class Lbrd(Process, Server):
    """A running lbrd, ready when the constructor returns. Ended by SIGTERM at the context's end,
    and then its exit status must be 0."""

    def __init__(self, *options, env=None):
        self.directory = tempfile.mkdtemp(prefix="lbrd-")
        self.socket = f"{self.directory}/lbrd.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(f"{self.directory}/notify")
            super().__init__(LBRD, "--socket", self.socket, *options,
                             env={"NOTIFY_SOCKET": f"{self.directory}/notify", **(env or {})})
            self._wait_ready(notify)

    def _wait_ready(self, notify):
        ended = os.pidfd_open(self.pid)
        try:
            while True:
                ready = select.select([notify, ended], [], [], TIMEOUT)[0]
                if notify in ready:
                    if b"READY=1" in notify.recv(4096).split(b"\n"):
                        return
                elif ready:
                    self.fail(f"ended before it was ready, status {self.process.wait()}")
                else:
                    self.kill()
                    self.fail("not ready in time")
        finally:
            os.close(ended)

    def __exit__(self, exception_type, exception, trace):
        try:
            if self.process.poll() is None:
                self.send_signal(signal.SIGTERM)
            status = self.wait()
            if exception_type is None:
                if status != 0:
                    self.fail(f"exit status {status}")
            else:
                print(f"# lbrd ended with {status} and said:")
                for line in self.error_output().splitlines():
                    print("#  ", line)
        finally:
            self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)


class VarlinkError(Exception):
    def __init__(self, reply):
        super().__init__(json.dumps(reply))
        self.name = reply["error"]
        self.parameters = reply.get("parameters", {})


class Connection:
    """A bare Varlink client, independent of lbrctl. Method names without a dot are io.lbrd's."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(path)
        self.pending, self.position = b"", 0  # what was read, and how far it was taken

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, method, parameters=None, **flags):
        call = {"method": method if "." in method else f"io.lbrd.{method}", **flags}
        if parameters is not None:
            call["parameters"] = parameters
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def receive_bytes(self):
        """The next whole message without its NUL; None when the daemon closed the connection."""
        while (end := self.pending.find(b"\0", self.position)) < 0:
            data = self.socket.recv(1 << 20)
            rest = self.pending[self.position:]
            if not data:
                assert not rest, f"cut off in mid-message: {rest!r}"
                return None
            self.pending, self.position = rest + data, 0
        message = self.pending[self.position:end]
        self.position = end + 1
        return message

    def receive(self):
        """The next reply as an object; VarlinkError for an error, None at the end."""
        message = self.receive_bytes()
        if message is None:
            return None
        reply = json.loads(message)
        if "error" in reply:
            raise VarlinkError(reply)
        return reply

    def call(self, method, parameters=None):
        """One call, one reply: its parameters."""
        self.send(method, parameters)
        reply = self.receive()
        assert reply is not None, f"{method}: connection closed instead of a reply"
        assert not reply.get("continues"), reply
        return reply.get("parameters", {})

    def stream(self, method, parameters=None):
        """Calls with `more`; yields the parameters of each reply up to the last."""
        self.send(method, parameters, more=True)
        while (reply := self.receive()) is not None:
            yield reply.get("parameters", {})
            if not reply.get("continues"):
                return
        raise AssertionError(f"{method}: the stream broke off without a last reply")


class Program:
    def __init__(self, pin, name, id, tag):
        self.pin, self.name, self.id, self.tag = pin, name, id, tag

    def run(self, data=bytes(64), repeat=1, cpu=None):
        """BPF_PROG_TEST_RUN on a packet: {"returnValue", "processId", "nanosecondsPerRun"}; the
        process is one of its own, named bpf-tool."""
        cpu_option = [] if cpu is None else ["-c", str(cpu)]
        return json.loads(subprocess.check_output(
            [BPF_TOOL, "run", "-r", str(repeat), *cpu_option, "-d", data.hex(), self.pin]))


class Programs(dict):
    """The programs of one object, loaded and pinned: {function name: Program}. As a context or by
    unload(): unpinned, which unloads them."""

    def __init__(self, name):
        super().__init__()
        self.directory = tempfile.mkdtemp(prefix="lbrd-", dir="/sys/fs/bpf")
        output = subprocess.check_output(
            [BPF_TOOL, "load", object_path(name), self.directory])
        for line in output.splitlines():
            program = json.loads(line)
            self[program["name"]] = Program(f"{self.directory}/{program['name']}", **program)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.unload()

    def unload(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def hold(name):
    """A process that loads an object and holds its programs without a pin: kill() unloads them.
    Returns (Process, {function name: id})."""
    process = Process(BPF_TOOL, "hold", object_path(name), stdin=subprocess.PIPE)
    first = process.wait_for(lambda program: True)
    return process, {first["name"]: first["id"]}


def bpftool(*arguments):
    return json.loads(subprocess.check_output(["bpftool", "--json", *arguments]) or b"[]")


def wait_until(condition, why, process=None):
    """Until it holds: for what has no event to wait for. `why`: what it means when it does not,
    perhaps by what a process has said."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            if process:
                process.fail(why)
            raise AssertionError(why)
        time.sleep(0.05)


def is_loaded(id):
    """Whether the kernel has a program: it frees them a while after the last who held it."""
    return any(program["id"] == id for program in bpftool("prog", "show"))


def descriptors(pid):
    """How many of each kind a process has: perf events, maps, links, sockets."""
    kinds = collections.Counter()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the reading itself, in one's own
            kinds[re.sub(r":\[\d+\]$", "", os.readlink(fd))] += 1
    return kinds


def tracers():
    """The tracing programs and links that exist in the kernel now."""
    return ([p for p in bpftool("prog", "show") if p["type"] == "tracing"]
            + [link for link in bpftool("link", "show") if link["type"] == "tracing"])


def assert_no_tracers():
    """No tracing program or link is left. The kernel frees them behind an RCU grace period, so
    what is still there gets a moment to go."""
    deadline = time.monotonic() + TIMEOUT
    while left := tracers():
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)


@contextlib.contextmanager
def sysctl(name, value):
    """Sets a sysctl ("kernel/kptr_restrict") for the duration of the context."""
    path = pathlib.Path("/proc/sys") / name
    before = path.read_text()
    path.write_text(f"{value}\n")
    try:
        yield
    finally:
        path.write_text(before)


def kernel_version():
    """(6, 12) for "6.12.85+deb12-cloud-amd64"."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
