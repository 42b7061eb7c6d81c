# SPDX-License-Identifier: Apache-2.0
"""Start-up never depends on what an earlier lbrd left: it is taken over whole, or nothing of it."""

import os
import threading
import time

import harness
import manager
import paths
from observer import Observer, keep, list_attachments

PACKET = paths.ALL[0]


def spoil(lbrd, offset, value, size=4):
    os.pwrite(lbrd.descriptor("lbrd-state"), value.to_bytes(size, "little"), offset)


def close_one(lbrd, prefix):
    with lbrd.changed:
        entry = next(e for e in lbrd.store if e[0].startswith(prefix))
        lbrd.store.remove(entry)
        os.close(entry[1])


def swap_tracers(lbrd):
    """The names of two links are exchanged: none is what the state says it is."""
    with lbrd.changed:
        one, two = (i for i, e in enumerate(lbrd.store) if e[0].startswith("lbrd-tracer"))
        a, b = lbrd.store[one], lbrd.store[two]
        lbrd.store[one], lbrd.store[two] = (a[0], b[1]), (b[0], a[1])


# What is wrong with what was left, and what the journal says of it.
DAMAGES = [
    ("magic", lambda lbrd: spoil(lbrd, 0, 0), "not the state of an lbrd"),
    ("version", lambda lbrd: spoil(lbrd, 8, 99), "another version of lbrd"),
    ("tracers' version", lambda lbrd: spoil(lbrd, 12, 99), "tracers are of another version"),
    ("size", lambda lbrd: spoil(lbrd, 16, 7), "truncated"),
    ("checksum", lambda lbrd: spoil(lbrd, 200, 0xdeadbeef), "checksum is wrong"),
    ("no state", lambda lbrd: close_one(lbrd, "lbrd-state"), "no state was kept"),
    ("no tracer", lambda lbrd: close_one(lbrd, "lbrd-tracer"), "one of its tracers was not kept"),
    ("swapped", swap_tracers, "not what the state says"),
]


def test_a_state_that_cannot_be_taken_over_leaves_nothing():
    with harness.Programs("paths") as loaded, harness.Programs("other") as others, \
            manager.Manager() as lbrd:
        lbrd.start()
        for name, damage, reason in DAMAGES:
            for program in (loaded["paths"], others["other"]):
                keep(lbrd, program)
            lbrd.kill()
            damage(lbrd)
            lbrd.start()
            said = lbrd.error_output().splitlines()[-1]
            assert "not taken over" in said and reason in said, f"{name}: {said}"
            harness.equal(list_attachments(lbrd), [], name)
            harness.assert_no_tracers()
            harness.equal([n for n in lbrd.names() if not n.startswith("lbrd-state")], [], name)
            harness.equal(len(lbrd.names("lbrd-state")), 1, name)
        # And begins anew as if nothing had been.
        keep(lbrd, loaded["paths"])
        observer = Observer(lbrd)
        loaded["paths"].run(PACKET.data)
        observer.read(1)


def test_a_state_that_kills_lbrd_is_dropped():
    """Killed each time before it has come further: the third lbrd is the last one to try."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        keep(lbrd, loaded["paths"])
        observer = Observer(lbrd)
        lbrd.kill()
        for _ in range(3):
            lbrd.restart() if lbrd.pid else lbrd.start()
            assert "goes on" in lbrd.error_output().splitlines()[-1]
        lbrd.restart()
        assert "again and again" in lbrd.error_output().splitlines()[-1], lbrd.error_output()
        harness.equal(list_attachments(lbrd), [])
        harness.assert_no_tracers()
        observer.drain()
        assert not observer.connect(), "the same lineage"


def test_killed_while_it_attaches_and_detaches():
    """Whatever it was about: the next one starts, and has all of an attachment or nothing."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        for round in range(12):
            begun, killed = threading.Event(), threading.Event()

            def churn():
                try:
                    while not killed.is_set():
                        with lbrd.connect() as c:
                            id = c.call("Attach", {
                                "targets": [{"programId": loaded["paths"].id}],
                                "persistent": True})["attachment"]["id"]
                            begun.set()
                            c.call("Detach", {"attachment": id})
                except (OSError, AssertionError):
                    pass  # lbrd was killed
            churning = threading.Thread(target=churn)
            churning.start()
            assert begun.wait(harness.TIMEOUT)
            time.sleep(0.003 * round)  # an instant that differs
            lbrd.kill()
            killed.set()
            lbrd.start()
            churning.join()
            attachments = list_attachments(lbrd)
            harness.equal(len(lbrd.names("lbrd-tracer")), len(attachments), f"round {round}")
            assert "not taken over" not in lbrd.error_output(), lbrd.error_output()
            with lbrd.connect() as c:
                c.call("Detach", {"all": True})
            harness.assert_no_tracers()


def test_a_store_that_is_full():
    """The attachment works, the journal says what it lacks, and nothing is left."""
    with harness.Programs("paths") as loaded, manager.Manager(size=1) as lbrd:
        lbrd.start()
        keep(lbrd, loaded["paths"])
        said = lbrd.error_output()
        assert "#1 will not outlive lbrd: the store of descriptors is full" in said, said
        observer = Observer(lbrd)
        loaded["paths"].run(PACKET.data)
        observer.read(1)
        lbrd.kill()
        harness.assert_no_tracers()
        lbrd.start()
        harness.equal(list_attachments(lbrd), [])


harness.main(globals())
