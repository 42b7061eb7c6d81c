# SPDX-License-Identifier: Apache-2.0
"""Machines whose branch records have a quirk (tests/vm/run --quirk): lbrd copes, or says why not.
The test is chosen by its name on the command line, one boot for each."""

import harness
import paths

PACKET = paths.ALL[0]
RUNS = 100


def sampled_branches():
    """Counting does not work: after a while at most, events come with branches, by sampling."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as owner:
        owner.send("Attach", {"targets": [{"programId": loaded["paths"].id}]}, more=True)
        owner.receive()
        # lbrd judges by the events of the first round and sees to it that the second has branches.
        for _ in range(2):
            loaded["paths"].run(PACKET.data, repeat=RUNS)
            for _ in range(RUNS):
                event = owner.receive()["parameters"]["event"]
        assert event["branches"], "still no branches"
        with lbrd.connect() as c:
            harness.equal(c.call("Describe")["branchRecordsMode"], "sampling")
    harness.assert_no_tracers()


def test_counting_einval():
    sampled_branches()


def test_counting_empty():
    sampled_branches()


def test_no_branches():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        try:
            c.call("Attach", {"targets": [{"programId": loaded["paths"].id}]})
            raise AssertionError("attached without branch records")
        except harness.VarlinkError as error:
            harness.equal(error.name, "io.lbrd.BranchRecordsUnavailable")
            harness.equal(error.parameters["reason"], "unsupported")
            assert error.parameters["hint"], error.parameters
    harness.assert_no_tracers()


def test_untyped():
    """The types are those of the instructions, in the program and in the kernel."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as owner:
        targets = [{"programId": loaded["paths"].id}]
        owner.send("Attach", {"targets": targets}, more=True)
        owner.receive()
        packet = paths.ALL[2]  # with a helper
        _, event = harness.undisturbed(lambda: loaded["paths"].run(packet.data),
                                       lambda: owner.receive()["parameters"]["event"])
        with lbrd.connect() as c:
            code = c.call("Dump", {"target": targets[0]})["code"]
            code += c.call("Dump", {"target": {"kernelFunction": paths.HELPER}})["code"]
    kinds = {i["address"]: i.get("kind") for function in code for i in function["instructions"]}
    rows = [(b.get("type"), kinds[b["from"]["address"]]) for b in event["branches"]
            if b["from"]["address"] in kinds]
    assert len(rows) >= len(packet.rows), event["branches"]
    for got, wanted in rows:
        harness.equal(got, wanted)
    harness.equal({kind for kind, _ in rows}, {"conditional", "jump", "call", "return"})


harness.main(globals())
