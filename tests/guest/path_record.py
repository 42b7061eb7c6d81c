# SPDX-License-Identifier: Apache-2.0
"""Runs targets while the CPU is traced, and writes their paths to $LBRD_SCRATCH/events.json, for
path-trace to compare."""

import json
import os
import pathlib

import harness
import paths

PACKETS = [bytes(steer) + bytes(60) for steer in (
    (0, 0, 0, 0), (1, 1, 1, 0), (4, 2, 2, 1), (5, 3, 3, 1), (9, 0, 7, 0))]


def observe(runs, lbrd, **target):
    """One event of each run that no interrupt fell into."""
    with lbrd.connect() as client:
        stream = client.stream("Attach", {"view": "instructions", "targets": [target],
                                          "filter": {"processId": os.getpid()}
                                          if "kernelFunction" in target else {}})
        next(stream)
        events = (reply["event"] for reply in stream if "event" in reply)
        return [harness.undisturbed(run, lambda: next(events))[1] for run in runs]


def main():
    with harness.Programs("paths") as one, harness.Programs("path") as two, \
            harness.Lbrd() as lbrd:
        events = observe([lambda p=p: one["paths"].run(p.data) for p in paths.ALL], lbrd,
                         programId=one["paths"].id)
        events += observe([lambda p=p: two["path"].run(p) for p in PACKETS], lbrd,
                          programId=two["path"].id)
        events += observe([lambda: os.getpgid(0)], lbrd, kernelFunction="__x64_sys_getpgid")
    pathlib.Path(os.environ["LBRD_SCRATCH"], "events.json").write_text(json.dumps(events))


main()
