# SPDX-License-Identifier: Apache-2.0
"""A stand-in for systemd, as far as lbrd sees it: it starts lbrd with a listening socket, keeps the
descriptors that lbrd stores (sd_notify(3)), and hands them over to the next lbrd. Unlike systemd it
does what a test tells it, and what it keeps can be looked at and damaged.

    with manager.Manager() as lbrd:
        lbrd.start()
        ...
        lbrd.kill()
        lbrd.start()
"""

import ctypes
import os
import select
import signal
import socket
import tempfile
import threading

import harness

FIRST = 3  # SD_LISTEN_FDS_START


class Manager(harness.Server):
    def __init__(self, size=1024, options=()):
        self.directory = tempfile.mkdtemp(prefix="lbrd-")
        self.socket = f"{self.directory}/lbrd.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(128)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{self.directory}/notify")
        self.size, self.options = size, options
        self.program = harness.LBRD  # the lbrd that start() starts
        self.store = []  # (name, descriptor)
        self.messages = []
        self.ready = threading.Event()
        self.changed = threading.Condition()
        self.pid = None
        self.error_file = tempfile.TemporaryFile()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, trace):
        status = self.stop()
        if exception_type is not None:
            print("# lbrd said:")
            for line in self.error_output().splitlines():
                print("#  ", line)
        else:
            assert status == 0, f"lbrd ended with {status}: {self.error_output()}"

    def error_output(self):
        size = os.fstat(self.error_file.fileno()).st_size
        return os.pread(self.error_file.fileno(), size, 0).decode(errors="replace")

    # ---- what lbrd tells ----

    def _listen(self):
        while True:
            data, fds, _, _ = socket.recv_fds(self.notify, 4096, 8)
            fields = dict(line.partition("=")[::2] for line in data.decode().splitlines())
            with self.changed:
                self._take(fields, fds)
                self.messages.append(fields)
                self.changed.notify_all()

    def _take(self, fields, fds):
        if fields.get("FDSTORE") == "1":
            assert fields.get("FDPOLL") == "0", "systemd would drop what polls as hung up"
            for fd in fds:
                if any(same_file(fd, other) for _, other in self.store) \
                        or len(self.store) >= self.size:
                    os.close(fd)
                else:
                    self.store.append((fields["FDNAME"], fd))
            return
        for fd in fds:  # of a barrier
            os.close(fd)
        if fields.get("FDSTOREREMOVE") == "1":
            for entry in [e for e in self.store if e[0] == fields["FDNAME"]]:
                self.store.remove(entry)
                os.close(entry[1])
        if fields.get("READY") == "1":
            self.ready.set()

    def names(self, prefix=""):
        with self.changed:
            return sorted(name for name, _ in self.store if name.startswith(prefix))

    def descriptor(self, prefix):
        """The one whose name begins so."""
        with self.changed:
            found = [fd for name, fd in self.store if name.startswith(prefix)]
        harness.equal(len(found), 1, f"descriptors named {prefix}*")
        return found[0]

    # ---- its life ----

    def start(self, wait=True):
        self.ready.clear()
        with self.changed:
            kept = [("varlink", self.listener.fileno()), *self.store]
        # Away from the places that they are to have.
        fds = [os.dup2(fd, 500 + i, inheritable=False) for i, (_, fd) in enumerate(kept)]
        self.pid = os.fork()
        if not self.pid:
            try:
                self._become_lbrd(fds, [name for name, _ in kept])
            finally:
                os._exit(127)
        for fd in fds:
            os.close(fd)
        if wait:
            assert self.ready.wait(harness.TIMEOUT), f"not ready: {self.error_output()}"

    def _become_lbrd(self, fds, names):
        os.dup2(self.error_file.fileno(), 2)
        for i, fd in enumerate(fds):
            os.dup2(fd, FIRST + i, inheritable=True)
        os.closerange(FIRST + len(fds), 500)
        os.execve(self.program, ["lbrd", *self.options], {
            **os.environ, "NOTIFY_SOCKET": f"{self.directory}/notify", "FDSTORE": str(self.size),
            "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(fds)),
            "LISTEN_FDNAMES": ":".join(names)})

    def wait(self):
        """Waits for the end of lbrd; its exit status, or minus its signal."""
        pidfd = os.pidfd_open(self.pid)
        ended = select.select([pidfd], [], [], harness.TIMEOUT)[0]
        os.close(pidfd)
        assert ended, "lbrd does not end"
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = None
        self._hear_out()
        return status

    def _hear_out(self):
        """What lbrd told before its end counts, as with systemd: all is taken in."""
        last = {"LAST": str(len(self.messages))}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(f"LAST={last['LAST']}".encode(), f"{self.directory}/notify")
        with self.changed:
            assert self.changed.wait_for(lambda: last in self.messages, harness.TIMEOUT)

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)
        return self.wait()

    def restart(self, number=signal.SIGKILL):
        status = self.kill(number)
        self.start()
        return status

    def stop(self):
        """As systemd does it: what is kept is kept no longer. Returns lbrd's exit status, 0 when it
        did not run."""
        status = self.kill(signal.SIGTERM) if self.pid else 0
        self.clear()
        return status

    def clear(self):
        with self.changed:
            for _, fd in self.store:
                os.close(fd)
            self.store.clear()


def same_file(one, other):
    """kcmp(KCMP_FILE) of two descriptors of this process, as systemd does it."""
    libc = ctypes.CDLL(None, use_errno=True)
    r = libc.syscall(312, os.getpid(), os.getpid(), 0, one, other)
    assert r >= 0, os.strerror(ctypes.get_errno())
    return r == 0
