# SPDX-License-Identifier: Apache-2.0
"""An observer that outlives lbrd: it comes back as lbrctl does, and keeps account of every event."""

import json

import harness


def keep(lbrd, program, **options):
    """Attaches to stay; the Attachment."""
    with lbrd.connect() as c:
        return c.call("Attach", {"targets": [{"programId": program.id}], "persistent": True,
                                 **options})["attachment"]


def list_attachments(lbrd):
    with lbrd.connect() as c:
        return c.call("List")["attachments"]


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
            parameters.update(after=self.last,
                              lineage=self.lineage, losses=self.known)
        self.connection = self.lbrd.connect()
        self.connection.send("Watch", parameters, more=True)
        ready = self.connection.receive()["parameters"]
        assert ready["ready"], ready
        lineage = ready.get("lineage")
        if lineage != self.lineage:
            self.last, self.known = ready.get("sequence", 0), ready.get("losses")
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
            self.event = reply["event"]
            self.last = self.event["sequence"]
            self.sequences.append(self.last)
        elif "lost" in reply:
            self.lost += reply["lost"]["count"]
            self.last = reply["lost"].get("lastSequence", self.last)
            for cause, n in reply["lost"]["losses"].items():
                self.known[cause] += n * (cause != "slowObserver")
        elif "ended" in reply:
            self.ended = reply["ended"]
        return True

    def read(self, n):
        """Until n events were seen or lost."""
        while len(self.sequences) + self.lost < n:
            assert self.take(), f"closed after {len(self.sequences)} events and {self.lost} lost"

    def read_to_end(self):
        """Until an attachment has ended."""
        while not self.ended:
            assert self.take(), "closed before the end"

    def drain(self):
        """What is there after lbrd has gone."""
        while self.take():
            pass


def detach_and_read(lbrd, observer, id):
    """Ends an attachment; what `ended` says of it. Detach is answered when all of its events are
    published, and lbrd does not wait for ever for an observer that does not read meanwhile."""
    with lbrd.connect() as c:
        c.send("Detach", {"attachment": id})
        observer.read_to_end()
        assert c.receive() is not None
    return observer.ended


def check_numbers(observer, first=1):
    """No event twice, none out of order, and no number missing but those that were told as lost."""
    harness.equal(observer.sequences, sorted(set(observer.sequences)), "sequence numbers")
    missing = observer.sequences[-1] - first + 1 - len(observer.sequences)
    assert missing <= observer.lost, f"{missing} numbers missing, {observer.lost} told"
