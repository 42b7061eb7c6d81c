# SPDX-License-Identifier: Apache-2.0
"""The real lbrd on a real kernel, with each allocation on the way of an attachment and its first
event failing in turn. What a double of the kernel shows for more calls is in tests/doubles."""

import mmap
import os
import struct
import tempfile

import harness
import paths

PACKET = paths.ALL[0]
FAIL_ALLOC = harness.BUILD / "tests" / "doubles" / "fail-alloc.so"


class Countdown:
    """Which allocation of lbrd fails: the n-th from now on; 0: none."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(8))
        self.file.flush()
        self.memory = mmap.mmap(self.file.fileno(), 8)

    def environment(self):
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": str(FAIL_ALLOC), "FAIL_ALLOC": self.file.name,
                "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0"}

    def set(self, n):
        self.memory[:] = struct.pack("q", n)

    def left(self):
        return struct.unpack("q", self.memory[:])[0]


def attach_and_see(connection, program):
    """What became of it: attached with an event, refused, or cut off."""
    connection.send("Attach", {"targets": [{"programId": program.id}]}, more=True)
    try:
        while (reply := connection.receive()) is not None:
            if "attachment" in reply["parameters"]:
                program.run(PACKET.data)
            # Delivered, or lost with a number.
            if {"event", "lost"} & set(reply["parameters"]):
                return "attached"
        return "cut off"
    except harness.VarlinkError as error:
        assert error.name.startswith("io.lbrd.") and error.parameters, error
        return "refused"


def wait_until_nothing_is_attached(lbrd):
    with lbrd.connect() as c:
        harness.wait_until(lambda: not c.call("List")["attachments"], "still attached")


def test_each_allocation_fails_in_turn():
    countdown = Countdown()
    outcomes = {"attached": 0, "refused": 0, "cut off": 0}
    with harness.Programs("paths") as loaded, \
            harness.Lbrd(env=countdown.environment()) as lbrd:
        n, left = 0, 0
        while not left:
            n += 1
            with lbrd.connect() as c:
                c.call("List")  # the connection is made, so what fails belongs to the attachment
                countdown.set(n)
                outcomes[attach_and_see(c, loaded["paths"])] += 1
                left = countdown.left()
                countdown.set(0)
            wait_until_nothing_is_attached(lbrd)
        print(f"# {n} allocations: {outcomes}")
        assert n > 100 and all(outcomes.values()), (n, outcomes)
        with lbrd.connect() as c:
            harness.equal(attach_and_see(c, loaded["paths"]), "attached")
    harness.assert_no_tracers()


harness.main(globals())
