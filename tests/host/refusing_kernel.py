# SPDX-License-Identifier: Apache-2.0
"""A kernel that refuses BPF tracing programs even to root, as some hardened ones do. It cannot be
made in the guest: the test runs on the machine itself, where that is such a one."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "guest"))
import harness  # noqa: E402


def test_attach_says_that_the_kernel_refuses():
    if os.geteuid():
        harness.skip("needs root")
    with harness.Lbrd() as lbrd:
        with lbrd.connect() as c:
            if c.call("Describe")["tracing"]:
                harness.skip("this kernel accepts tracing programs")
            try:
                c.call("Attach", {"targets": [{"kernelFunction": "vfs_read"}],
                                  "withoutBranches": True})
                raise AssertionError("attached on a kernel that refuses")
            except harness.VarlinkError as error:
                harness.equal(error.name, "io.lbrd.TracingUnavailable")
                assert error.parameters["hint"], error.parameters
        with lbrd.lbrctl("attach", "func", "vfs_read", json_output=False) as ctl:
            harness.equal(ctl.wait(), 1, "exit status")
            assert "refuses to load BPF tracing programs" in ctl.error_output(), \
                ctl.error_output()
            assert "hint: " in ctl.error_output()


harness.main(globals())
