# SPDX-License-Identifier: Apache-2.0
"""The ground that the other guest tests stand on: the machine and the target programs, without
lbrd."""

import json
import os
import subprocess

import harness
import paths


def test_the_machine_is_the_guest():
    assert os.environ.get("LBRD_IN_VM"), "not run in the guest"
    harness.equal(harness.tracers(), [], "tracers before anything was started")


def test_a_leak_is_told_at_the_end():
    plan = json.loads((harness.BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    if "address" not in next(o["value"] for o in plan if o["name"] == "b_sanitize"):
        harness.skip("a build without sanitizers")
    result = subprocess.run([harness.BPF_TOOL, "leak"], capture_output=True, text=True)
    harness.equal(result.returncode, harness.SANITIZED_STATUS, "exit status")
    assert "LeakSanitizer" in result.stderr, result.stderr


def test_paths_return_what_the_source_says():
    with harness.Programs("paths") as loaded:
        for path in paths.ALL:
            harness.equal(loaded["paths"].run(path.data)["returnValue"], path.returns)


def test_a_held_program_goes_with_its_process():
    process, ids = harness.hold("paths")
    with process:
        assert harness.is_loaded(ids["paths"])
    harness.wait_until(lambda: not harness.is_loaded(ids["paths"]), "it is still there")


def test_the_other_targets_load_and_run():
    with harness.Programs("odd") as loaded:
        harness.equal(loaded["odd_tail_caller"].run()["returnValue"], 64 + 1)
    with harness.Programs("tracing") as loaded:
        loaded["tracing_program"].run()
        harness.equal(len(harness.tracers()), 1)
    harness.assert_no_tracers()


harness.main(globals())
