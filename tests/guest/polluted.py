# SPDX-License-Identifier: Apache-2.0
"""An interrupt between the target's end and the snapshot: its rows are not sold as the target's."""

import json

import harness
import paths

PACKET = paths.ALL[0]
RUNS = 10000
ENOUGH = 1000000


def look_at(event, markers):
    """True for a polluted event; an unmarked one must be the target's own."""
    if "notice" not in event:
        newest = event["branches"][0]
        assert newest["from"].get("line") in markers, f"not marked, and not the target's: {newest}"
        return False
    harness.equal(event["notice"], "polluted", "notice")
    assert event["noticeText"]
    text = json.dumps(event["branches"])
    assert any(word in text for word in ("asm_sysvec", "asm_common_interrupt", "irq")), text
    return True


def test_a_polluted_snapshot_is_marked():
    markers = set(paths.markers().values())
    polluted = events = 0
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        while not polluted and events < ENOUGH:
            with lbrd.connect() as owner, lbrd.connect() as other:
                owner.send("Attach", {"targets": [{"programId": loaded["paths"].id}]}, more=True)
                id = owner.receive()["parameters"]["attachment"]["id"]
                # The timer interrupts a run sooner or later in the few instructions that matter.
                loaded["paths"].run(PACKET.data, repeat=RUNS)
                other.send("Detach", {"attachment": id})
                while "ended" not in (reply := owner.receive()["parameters"]):
                    if "event" in reply:
                        events += 1
                        polluted += look_at(reply["event"], markers)
    print(f"# {polluted} polluted of {events}")
    assert polluted > 0, "no interrupt ever came between"


harness.main(globals())
