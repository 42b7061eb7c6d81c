# SPDX-License-Identifier: Apache-2.0
"""A machine without a hardware PMU: refused with the reason, or, if the user consents, everything
but the branches."""

import harness
import paths

PACKET = paths.ALL[0]


def test_attach_fails_with_the_reason():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        with lbrd.connect() as c:
            try:
                c.call("Attach", {"targets": [{"programId": loaded["paths"].id}]})
                raise AssertionError("attached without branch records")
            except harness.VarlinkError as error:
                harness.equal(error.name, "io.lbrd.BranchRecordsUnavailable")
                harness.equal(error.parameters["reason"], "noHardware")
                assert "no-branches" in error.parameters["hint"], error.parameters
            assert not c.call("Describe")["branchRecords"]
        with lbrd.lbrctl("attach", "prog", "paths", json_output=False) as ctl:
            harness.equal(ctl.wait(), 1, "exit status")
            assert "--no-branches" in ctl.error_output(), ctl.error_output()
    harness.assert_no_tracers()


def test_with_consent_everything_but_the_branches():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        with lbrd.lbrctl("attach", "--no-branches", "prog", str(loaded["paths"].id),
                         "--limit", "1") as ctl:
            ctl.wait_for(lambda line: "attachment" in line)
            ran = loaded["paths"].run(PACKET.data)
            event = ctl.wait_for(lambda line: "event" in line)["event"]
            harness.equal(event["returnValue"], PACKET.returns)
            harness.equal(event["processId"], ran["processId"])
            assert "branches" not in event, event
            harness.equal(ctl.wait(), 0, "exit status")
    harness.assert_no_tracers()


harness.main(globals())
