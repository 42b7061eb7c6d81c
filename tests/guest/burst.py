# SPDX-License-Identifier: Apache-2.0
"""200,000 events in one go: delivered + reported lost = 200,000, to each observer, exactly."""

import json
import threading

import harness
import paths

PACKET = paths.ALL[0]
RUNS = 200000
PEERS_DELIVER = 1309  # what bpflbr printed of the same burst


class Tally(threading.Thread):
    """Counts what one connection gets until the attachment's end."""

    def __init__(self, connection):
        super().__init__()
        self.connection, self.events, self.lost, self.ended = connection, 0, 0, None
        self.start()

    def run(self):
        while not self.ended:
            message = self.connection.receive_bytes()
            if message.startswith(b'{"parameters":{"event":'):
                self.events += 1
                continue
            reply = json.loads(message)["parameters"]
            self.lost += reply.get("lost", {}).get("count", 0)
            self.ended = reply.get("ended")


def test_every_run_is_accounted_for():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, \
            lbrd.connect() as owner, lbrd.connect() as observer:
        owner.send("Attach", {"targets": [{"programId": loaded["paths"].id}]}, more=True)
        id = owner.receive()["parameters"]["attachment"]["id"]
        observer.send("Watch", {"attachments": [id]}, more=True)
        observer.receive()
        tallies = [Tally(owner), Tally(observer)]
        loaded["paths"].run(PACKET.data, repeat=RUNS)
        with lbrd.connect() as c:
            c.call("Detach", {"attachment": id})
        for tally in tallies:
            tally.join()  # it waits for each message no longer than for any
            assert tally.ended, "no end came"
            print(f"# delivered {tally.events}, lost {tally.lost}: {tally.ended['losses']}")
            harness.equal(tally.events + tally.lost, RUNS, "delivered + lost")
            harness.equal(tally.ended["events"], RUNS, "events by lbrd's own account")
            assert tally.events >= 10 * PEERS_DELIVER, "too few delivered"


def test_lbrctl_says_the_totals():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        with lbrd.lbrctl("attach", "prog", str(loaded["paths"].id)) as ctl:
            ctl.wait_for(lambda line: "attachment" in line)
            reader = threading.Thread(target=ctl.wait)
            reader.start()
            loaded["paths"].run(PACKET.data, repeat=RUNS)
            ctl.send_signal(harness.signal.SIGINT)
            reader.join()
            shown = lost = 0
            for line in ctl.lines:
                if line.startswith('{"event"'):
                    shown += 1
                elif line.startswith('{"lost"'):
                    lost += json.loads(line)["lost"]["count"]
            print(f"# lbrctl got {shown}, lost {lost}")
            harness.equal(shown + lost, RUNS, "lines + losses")
            assert shown >= 10 * PEERS_DELIVER, "too few delivered"
            assert f"{shown}" in ctl.error_output().splitlines()[-1], ctl.error_output()


harness.main(globals())
