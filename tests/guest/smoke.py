# SPDX-License-Identifier: Apache-2.0
"""The ground that the other guest tests stand on: the machine and the target programs, without
lbrd."""

import os

import harness
import paths


def test_the_machine_is_the_guest():
    assert os.environ.get("LBRD_IN_VM"), "not run in the guest"
    harness.equal(harness.tracers(), [], "tracers before anything was started")


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
