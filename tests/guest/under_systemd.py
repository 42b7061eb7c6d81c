# SPDX-License-Identifier: Apache-2.0
"""lbrd as systemd's service, with the real systemd as the machine's first process."""

import pathlib

import harness
import paths
import service


def test_every_day():
    path = paths.ALL[0]
    with service.Service() as lbrd, harness.Programs("paths") as loaded:
        harness.equal(pathlib.Path("/proc/1/comm").read_text(), "systemd\n")
        pid = lbrd.property("MainPID")
        with lbrd.lbrctl("attach", "prog", str(loaded["paths"].id), "--limit", "1") as ctl:
            ctl.wait_for(lambda line: "attachment" in line)
            loaded["paths"].run(path.data)
            event = ctl.wait_for(lambda line: "event" in line)["event"]
            harness.equal(ctl.wait(), 0)
        harness.equal(event["returnValue"], path.returns)
        harness.equal(lbrd.property("MainPID"), pid, "another process")
    harness.assert_no_tracers()


harness.main(globals())
