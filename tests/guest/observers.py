# SPDX-License-Identifier: Apache-2.0
"""Many watch at once: the same bytes for all, nothing slow spreads, nobody misses in silence."""

import json
import time

import harness
import paths

PACKET = paths.ALL[0]


def watch(lbrd, parameters=None):
    """A connection that observes from here on."""
    connection = lbrd.connect()
    connection.send("Watch", parameters or {}, more=True)
    first = connection.receive()
    harness.equal(first, {"parameters": {"ready": True}, "continues": True})
    return connection


def attach(lbrd, program, **options):
    connection = lbrd.connect()
    connection.send("Attach", {"targets": [{"programId": program.id}], **options}, more=True)
    return connection, connection.receive()["parameters"]["attachment"]["id"]


def events(connection, n):
    """The bytes of the next n events by sequence number; other records are passed over."""
    found = {}
    while len(found) < n:
        message = connection.receive_bytes()
        event = json.loads(message)["parameters"].get("event")
        if event:
            found[event["sequence"]] = message
    return found


def test_two_observers_get_the_same_bytes():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, id = attach(lbrd, loaded["paths"])
        with owner, watch(lbrd) as one, watch(lbrd, {"attachments": [id]}) as two:
            loaded["paths"].run(PACKET.data, repeat=100)
            got = events(one, 100)
            harness.equal(len(got), 100)
            assert got == events(two, 100) == events(owner, 100), "bytes differ"


def test_the_first_event_after_attach_is_seen():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        for _ in range(10):
            owner, _ = attach(lbrd, loaded["paths"])
            with owner:
                loaded["paths"].run(PACKET.data)
                event = json.loads(owner.receive_bytes())["parameters"]["event"]
                harness.equal(event["returnValue"], PACKET.returns)


def test_a_latecomer_gets_its_replay():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, _ = attach(lbrd, loaded["paths"])
        with owner:
            loaded["paths"].run(PACKET.data, repeat=20)
            seen = events(owner, 20)
            with watch(lbrd, {"replay": 5}) as late:
                replayed = events(late, 5)
                last = sorted(seen)[-5:]
                harness.equal(sorted(replayed), last, "replayed sequence numbers")
                assert all(replayed[s] == seen[s] for s in last), "bytes differ"
                loaded["paths"].run(PACKET.data)
                harness.equal(list(events(late, 1)), [sorted(seen)[-1] + 1])
            with watch(lbrd, {"replay": 3, "raw": True}) as raw:
                message = list(events(raw, 3).values())[0]
                rows = json.loads(message)["parameters"]["event"]["branches"]
                harness.equal(len(rows), 32, "rows of a raw replay")


def test_an_observer_that_hardly_reads_is_told_and_slows_nobody():
    n, portion = 3000, 200
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, id = attach(lbrd, loaded["paths"])
        with owner, watch(lbrd) as stalled:
            received, skipped = [], 0
            for _ in range(n // portion):
                loaded["paths"].run(PACKET.data, repeat=portion)
                harness.equal(len(events(owner, portion)), portion)
                # One that takes nothing for half a minute, as it does on a busy machine, is given up:
                # it takes more than is in its socket, which is less than it is sent.
                received += events(stalled, portion // 5)
            # Now the stalled one wakes up: whole events, one account of what it missed.
            with lbrd.connect() as other:
                other.send("Detach", {"attachment": id})
                while True:
                    reply = json.loads(stalled.receive_bytes())["parameters"]
                    if "event" in reply:
                        received.append(reply["event"]["sequence"])
                    elif "lost" in reply:
                        lost = reply["lost"]
                        harness.equal(lost["losses"]["slowObserver"], lost["count"])
                        skipped += lost["count"]
                        harness.equal(lost["firstSequence"], received[-1] + 1)
                        harness.equal(lost["lastSequence"],
                                      lost["firstSequence"] + lost["count"] - 1)
                    elif "ended" in reply:
                        break
            assert skipped > 0, "it never became slow"
            harness.equal(len(received) + skipped, n, "received + reported lost")
            harness.equal(len(set(received)), len(received), "twice the same event")


def test_each_attachment_has_its_own_observers():
    with harness.Programs("paths") as one, harness.Programs("paths") as two, \
            harness.Lbrd() as lbrd:
        first, id_one = attach(lbrd, one["paths"])
        second, id_two = attach(lbrd, two["paths"])
        with first, second, watch(lbrd, {"attachments": [id_two]}) as observer:
            one["paths"].run(PACKET.data)
            two["paths"].run(PACKET.data)
            message = next(iter(events(observer, 1).values()))
            harness.equal(json.loads(message)["parameters"]["event"]["attachments"], [id_two])


def test_shared_target_one_tracer():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, id_one = attach(lbrd, loaded["paths"])
        alone = len(harness.tracers())
        other, id_two = attach(lbrd, loaded["paths"])
        with owner, other:
            harness.equal(len(harness.tracers()), alone, "tracing programs and links")
            loaded["paths"].run(PACKET.data)
            a, b = events(owner, 1), events(other, 1)
            assert a == b, "the same event twice"
            event = json.loads(next(iter(a.values())))["parameters"]["event"]
            harness.equal(sorted(event["attachments"]), [id_one, id_two])
            with lbrd.connect() as c:
                c.call("Detach", {"attachment": id_one})
                loaded["paths"].run(PACKET.data)
                event = json.loads(next(iter(events(other, 1).values())))["parameters"]["event"]
                harness.equal(event["attachments"], [id_two])
    harness.assert_no_tracers()


def test_the_rate_ceiling_counts_the_surplus():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, id = attach(lbrd, loaded["paths"], filter={"maxPerSecond": 10})
        with owner:
            start = time.monotonic()
            loaded["paths"].run(PACKET.data, repeat=1000)
            seconds = time.monotonic() - start
            with lbrd.connect() as c:
                c.call("Detach", {"attachment": id})
            shown = lost = 0
            while "ended" not in (reply := owner.receive()["parameters"]):
                shown += "event" in reply
                lost += reply.get("lost", {}).get("losses", {}).get("rate", 0)
            harness.equal(shown + lost, 1000, "shown + surplus")
            harness.equal(reply["ended"]["events"], 1000)
            harness.equal(reply["ended"]["losses"]["rate"], lost)
            assert 10 <= shown <= 10 * (seconds + 2), shown


def test_a_limit_ends_the_attachment():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        owner, _ = attach(lbrd, loaded["paths"], filter={"limit": 7})
        with owner:
            loaded["paths"].run(PACKET.data, repeat=50)
            harness.equal(len(events(owner, 7)), 7)
            reply = owner.receive()
            harness.equal(reply["parameters"]["ended"]["reason"], "limit")
            assert not reply.get("continues")
    harness.assert_no_tracers()


harness.main(globals())
