# SPDX-License-Identifier: Apache-2.0
"""How long lbrd serves nobody while an index is being built and events arrive: in the guest, by
lbrd's own counters. With the kernel's debug package in the cache it is the index of the whole
kernel, else only that of a module. Run by tests/guest/lines under `--icount`, where a nanosecond
of CPU time is one instruction."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "guest"))
import harness  # noqa: E402
import lines  # noqa: E402


def counters(lbrd):
    with lbrd.connect() as c:
        return {k["name"]: k["value"] for k in c.call("Describe")["counters"]}


def main():
    package = lines.FILES / "vmlinux"
    if package.exists():
        lines.VMLINUX.parent.mkdir(parents=True, exist_ok=True)
        lines.VMLINUX.symlink_to(package.resolve())
    else:
        print("the kernel's debug package is not in the cache: only a made-up one is built")
        lines.make_vmlinux()
    events = 0
    with lines.Scene() as scene:
        scene.wait_index("vmlinux", "building", "ready")
        before = counters(scene.lbrd)
        while scene.index("vmlinux")["state"] == "building":
            for _ in range(5):
                scene.module.run(scene.program)
                scene.ctl.wait_for(lambda line: "event" in line)
            events += 5
            lines.time.sleep(0.05)  # so that the builder gets its share
        after = counters(scene.lbrd)
        index = scene.index("vmlinux")
    print(f"{os.uname().release}: index of vmlinux {index['state']}, {index.get('size', 0)} bytes, "
          f"{events} events meanwhile")
    print(f"  turns of the loop {after['turns'] - before['turns']}, over 1 ms: "
          f"{after['turnsOver1Ms'] - before['turnsOver1Ms']}, over 5 ms: "
          f"{after['turnsOver5Ms'] - before['turnsOver5Ms']} (bar: 0); "
          f"longest since the start, attaching included: {after['longestTurn'] / 1000:.1f} ms")


main()
