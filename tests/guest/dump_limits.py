# SPDX-License-Identifier: Apache-2.0
"""What one dump may hold, and what several users may have of the dumps that there are."""

import contextlib
import os
import tempfile

import harness
from dump import dump, refused

BYTES = 16 << 20  # of code in one


def check_limit(error, name, value):
    harness.equal((error.name, error.parameters["name"], error.parameters["value"]),
                  ("io.lbrd.LimitReached", name, value))
    assert error.parameters["hint"], error


def test_too_much_code_for_one():
    """Several programs that are each small enough: refused whole, and each can be had alone."""
    with contextlib.ExitStack() as stack, harness.Lbrd() as lbrd:
        sizes = {}
        while sum(sizes.values()) <= BYTES:
            process, ids = harness.hold("huge")
            stack.enter_context(process)
            (id,) = ids.values()
            sizes[id] = harness.bpftool("prog", "show", "id", str(id))["bytes_jited"]
        print(f"# programs of {list(sizes.values())} bytes")
        assert max(sizes.values()) < BYTES, sizes
        for more in (False, True):
            check_limit(refused(lbrd, {"target": {"programName": "huge"}}, more=more),
                        "dumpBytes", BYTES)
        with lbrd.connect() as c:
            c.send("Dump", {"target": {"programId": id}}, more=True)
            assert c.receive()["continues"]


def begin(lbrd, user, open):
    """One dump more that is not read; the error when there can be none."""
    open.append(lbrd.connect(user))
    open[-1].send("Dump", {"target": {"programName": "big"}}, more=True)
    try:
        assert open[-1].receive()["continues"]
    except harness.VarlinkError as error:
        return error
    return None


def test_each_user_finds_some():
    """Of 16, root may have three quarters, whoever comes then half of what is left, and so on."""
    with tempfile.NamedTemporaryFile("w") as policy:
        policy.writelines(f"allow {right} everyone\n" for right in ("observe", "addresses"))
        policy.flush()
        with harness.Lbrd("--policy", policy.name) as lbrd:
            os.chmod(lbrd.directory, 0o755)
            os.chmod(lbrd.socket, 0o666)
            process, _ = harness.hold("big")
            open = []
            with process:
                for user, share in ((None, 12), ("nobody", 2), ("daemon", 1)):
                    for _ in range(share):
                        harness.equal(begin(lbrd, user, open), None, f"dump of {user}")
                    check_limit(begin(lbrd, user, open), "dumps", share)
                # What one gives back is for all.
                open[0].socket.close()
                harness.wait_until(lambda: begin(lbrd, "nobody", open) is None,
                                   "a dump is not given back")
            for c in open:
                c.socket.close()


harness.main(globals())
