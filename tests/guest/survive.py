# SPDX-License-Identifier: Apache-2.0
"""Persistent attachments outlive lbrd where its manager keeps them: nothing is lost uncounted."""

import json
import signal

import harness
import manager
import paths

PACKET = paths.ALL[0]


def keep(lbrd, program, **options):
    """Attaches to stay; the Attachment."""
    with lbrd.connect() as c:
        return c.call("Attach", {"targets": [{"programId": program.id}], "persistent": True,
                                 **options})["attachment"]


class Observer:
    """Watches, and comes back after lbrd did: each event once, each loss once."""

    def __init__(self, lbrd, **parameters):
        self.lbrd, self.parameters = lbrd, parameters
        self.sequences, self.lost, self.ended = [], 0, None
        self.lineage = None
        self.connect()

    def connect(self):
        parameters = dict(self.parameters)
        if self.lineage:
            parameters.update(after=self.sequences[-1] if self.sequences else 0,
                              lineage=self.lineage)
        self.connection = self.lbrd.connect()
        self.connection.send("Watch", parameters, more=True)
        ready = self.connection.receive()["parameters"]
        assert ready["ready"], ready
        lineage = ready.get("lineage")
        again, self.lineage = self.lineage, lineage
        return lineage is not None and lineage == again

    def take(self):
        """One reply; False when the connection is closed."""
        try:
            message = self.connection.receive_bytes()
        except (ConnectionError, AssertionError):
            return False
        if message is None:
            return False
        reply = json.loads(message)["parameters"]
        if "event" in reply:
            self.sequences.append(reply["event"]["sequence"])
        elif "lost" in reply:
            self.lost += reply["lost"]["count"]
        elif "ended" in reply:
            self.ended = reply["ended"]
        return True

    def read(self, n):
        """Until n events were seen or lost."""
        while len(self.sequences) + self.lost < n:
            assert self.take(), f"closed after {len(self.sequences)} events and {self.lost} lost"

    def drain(self):
        """What is there after lbrd has gone."""
        while self.take():
            pass


def check_numbers(observer, first=1):
    """No event twice, none out of order, and no number missing but those that were told as lost."""
    harness.equal(observer.sequences, sorted(set(observer.sequences)), "sequence numbers")
    missing = observer.sequences[-1] - first + 1 - len(observer.sequences)
    assert missing <= observer.lost, f"{missing} numbers missing, {observer.lost} told"


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
