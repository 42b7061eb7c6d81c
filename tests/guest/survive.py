# SPDX-License-Identifier: Apache-2.0
"""Persistent attachments outlive lbrd where its manager keeps them: nothing is lost uncounted."""

import harness
import manager
import paths
from observer import Observer, keep

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
            c.call("Detach", {"attachment": after["id"]})
        while not observer.ended:
            assert observer.take(), "closed before the end"
        harness.equal(observer.ended["events"], 1200)
        harness.assert_no_tracers()
        harness.equal(lbrd.names("lbrd-tracer"), [])
        harness.equal(lbrd.names("lbrd-branches"), [])


harness.main(globals())
