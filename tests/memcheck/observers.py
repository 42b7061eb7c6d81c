# SPDX-License-Identifier: Apache-2.0
"""lbrd with a recording where its ring would be, and several lbrctl, all under memcheck: clients
attach, watch in every view, go in the middle, stall and err.
usage: observers.py MEMCHECK FED-LBRD LBRCTL"""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "guest"))
import harness  # noqa: E402

MEMCHECK, LBRD, LBRCTL = sys.argv[1:4]
TARGET = 0xffffffff81000000  # FEED_TARGET
SKIPPED = 77
MANY = 2000  # more than a stalled observer's queue holds


def recording():
    """One record, as bpf/record.h has it: a loop of the target."""
    header = struct.pack("<QqIIII16siI", 0, 0, 0, 0, 1000, 1000, b"recorded", 32 * 24, 0)
    return header + b"".join(struct.pack("<QQQ", TARGET + 0x40, TARGET + 8 * (i % 4), 0)
                             for i in range(32))


class Lbrd(harness.Process, harness.Server):
    def __init__(self, directory):
        self.socket = f"{directory}/socket"
        ring, self.ring = os.pipe()
        record = os.memfd_create("record")
        os.write(record, recording())
        super().__init__(MEMCHECK, LBRD, "--socket", self.socket, "--cache", directory,
                         env={"LBRD_FEED": f"{ring},{record}"}, pass_fds=(ring, record))
        harness.wait_until(lambda: os.path.exists(self.socket) or self.process.poll() is not None,
                           "no socket", self)

    def send(self, n):
        os.write(self.ring, bytes(n))

    def lbrctl(self, *arguments, json_output=True):
        return harness.Process(MEMCHECK, LBRCTL, "--socket", self.socket,
                               *(["--json"] if json_output else []), *arguments)

    def run(self, status, *arguments, json_output=False):
        with self.lbrctl(*arguments, json_output=json_output) as ctl:
            harness.equal(ctl.wait(), status, f"{arguments}: {ctl.error_output()}")


def observe(lbrd):
    with lbrd.lbrctl("attach", "func", "recorded", "--view", "source") as owner, \
            lbrd.connect() as stalled:
        owner.wait_for(lambda line: "attachment" in line)
        stalled.send("Watch", {}, more=True)
        stalled.receive()
        with lbrd.lbrctl("watch", "--view", "insns", "--limit", "2", json_output=False) as text, \
                lbrd.lbrctl("watch", "--raw") as raw:
            raw.wait_for(lambda line: line.get("ready"))
            harness.wait_until(lambda: observers(lbrd) == 4, "they do not watch")
            lbrd.send(3)
            harness.equal(text.wait(), 0, text.error_output())
            raw.wait_for(lambda line: "event" in line)
            raw.kill()
        for _ in range(MANY // 100):
            lbrd.send(100)
            for _ in range(100):
                owner.wait_for(lambda line: "event" in line)
        lbrd.run(0, "watch", "--replay", "5", "--limit", "5")
        owner.send_signal(signal.SIGINT)
        harness.equal(owner.wait(), 0, owner.error_output())


def observers(lbrd):
    with lbrd.connect() as c:
        return c.call("Describe")["observers"]


def ask(lbrd):
    for json_output in (False, True):
        for status, *arguments in ((0, "progs"), (0, "list"), (0, "status"), (0, "status", "--limits"),
                                   (0, "attach", "--keep", "func", "recorded"), (0, "list"),
                                   (0, "detach", "--all"), (1, "detach", "99"),
                                   (1, "dump", "func", "nosuch"), (2, "attach")):
            lbrd.run(status, *arguments, json_output=json_output)
    with lbrd.connect() as c:
        c.socket.sendall(b"garbage\0")
        assert c.receive_bytes() is None


def main():
    if subprocess.run([MEMCHECK, "true"]).returncode == SKIPPED:
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="lbrd-memcheck-") as directory:
        with Lbrd(directory) as lbrd:
            try:
                observe(lbrd)
                ask(lbrd)
            finally:
                lbrd.send_signal(signal.SIGTERM)
                status = lbrd.wait()
                print(lbrd.error_output())
            return status


sys.exit(main())
