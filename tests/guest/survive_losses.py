# SPDX-License-Identifier: Apache-2.0
"""What cannot be delivered because lbrd ended is counted, and nothing is counted twice: the next lbrd
meets losses again that this one told, and events whose place in the ring was not given back."""

import threading
import time

import harness
import manager
import paths
from observer import Observer, check_numbers, detach_and_read, keep, list_attachments

PACKET = paths.ALL[0]
RUNS = 400
CEILING = 150  # a second; so many events are more than a socket holds


def check_all(observer, n):
    """n events of its attachment, each delivered or told as lost, once."""
    print(f"# {n} events: {len(observer.sequences)} delivered, {observer.lost} lost")
    harness.equal(len(observer.sequences) + observer.lost, n, "delivered + lost")
    harness.equal(observer.sequences, sorted(set(observer.sequences)), "sequence numbers")


def test_killed_at_any_instant():
    """In the middle of bursts, again and again, more than the ring holds: each run is delivered or
    counted as lost, exactly."""
    runs, n = 6000, 0
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"])["id"]
        observer = Observer(lbrd)
        for round in range(6):
            reader = threading.Thread(target=observer.drain)
            reader.start()
            runner = threading.Thread(target=loaded["paths"].run, args=(PACKET.data, runs))
            runner.start()
            wanted = len(observer.sequences) + 97 * round  # an instant that differs
            while len(observer.sequences) < wanted and runner.is_alive():
                time.sleep(0)
            lbrd.kill()
            runner.join()
            reader.join()
            n += runs
            lbrd.start()
            assert observer.connect(), "another lineage"
        ended = detach_and_read(lbrd, observer, id)
        check_all(observer, n)
        harness.equal(ended["events"], n, "events by lbrd's own account")
        check_numbers(observer)
    harness.assert_no_tracers()


def test_what_does_not_fit_the_ring_is_counted():
    runs = 30000
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"])["id"]
        observer = Observer(lbrd)
        lbrd.kill()
        loaded["paths"].run(PACKET.data, repeat=runs)
        lbrd.start()
        observer.drain()
        assert observer.connect(), "another lineage"
        ended = detach_and_read(lbrd, observer, id)
        check_all(observer, runs)
        harness.equal(ended["events"], runs)
        assert ended["losses"]["ringFull"] > 0, ended
        check_numbers(observer)


def kill_while_nothing_is_settled(lbrd, program, id):
    """Rounds of runs, each with an observer that has read all and one that reads nothing before
    lbrd is killed: on its account lbrd gives no place in the ring back. Only that it reads nothing
    decides, not the instant."""
    observer = Observer(lbrd, attachments=[id])
    for round in range(1, 3):
        stalled = Observer(lbrd, attachments=[id])
        program.run(PACKET.data, repeat=RUNS)
        observer.read(RUNS * round)
        lbrd.kill()
        lbrd.start()
        for each in (observer, stalled):
            each.drain()
            assert each.connect(), "another lineage"
        check_all(observer, RUNS * round)
        stalled.read(RUNS)
        check_all(stalled, RUNS)
        stalled.connection.socket.close()
    program.run(PACKET.data, repeat=RUNS)
    ended = detach_and_read(lbrd, observer, id)
    harness.equal(ended["events"], RUNS * 3, "events by lbrd's own account")
    assert ended["losses"]["rate"] > 0, ended
    check_all(observer, RUNS * 3)


def test_losses_of_the_kernel_are_told_once():
    """The tracer counts them: the next lbrd finds the same counters."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"], filter={"maxPerSecond": CEILING})["id"]
        kill_while_nothing_is_settled(lbrd, loaded["paths"], id)
    harness.assert_no_tracers()


def test_losses_of_records_are_told_once():
    """lbrd counts them, for the tracer is shared: the next lbrd is handed the same records."""
    with harness.Programs("paths") as loaded, manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"], filter={"maxPerSecond": CEILING})["id"]
        everything = keep(lbrd, loaded["paths"])["id"]
        kill_while_nothing_is_settled(lbrd, loaded["paths"], id)
        harness.equal([(a["id"], a["events"]) for a in list_attachments(lbrd)],
                      [(everything, RUNS * 3)])


def test_numbers_of_others_are_no_loss():
    """What an observer was given is not told as lost later, because events that it does not watch
    came in between."""
    own = foreign = 0
    with harness.Programs("paths") as loaded, harness.Programs("other") as others, \
            manager.Manager() as lbrd:
        lbrd.start()
        id = keep(lbrd, loaded["paths"], filter={"maxPerSecond": 1})["id"]
        keep(lbrd, others["other"])
        observer, all = Observer(lbrd, attachments=[id]), Observer(lbrd)
        for _ in range(2):
            others["other"].run(PACKET.data, repeat=7)
            foreign += 7
            all.read(own + foreign)
            list_attachments(lbrd)  # answered after the turn, whose events are settled by then
            lbrd.restart()
            for each in (observer, all):
                each.drain()
                assert each.connect(), "another lineage"
            # Some that are delivered, and last one that is not.
            delivered, lost = len(observer.sequences), observer.lost
            while len(observer.sequences) == delivered or observer.lost == lost:
                if len(observer.sequences) == delivered:
                    lost = observer.lost
                loaded["paths"].run(PACKET.data)
                own += 1
                observer.read(own)
                all.read(own + foreign)
        detach_and_read(lbrd, observer, id)
        all.read_to_end()
        check_all(observer, own)
        check_all(all, own + foreign)
        check_numbers(all)


harness.main(globals())
