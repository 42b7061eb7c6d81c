# SPDX-License-Identifier: Apache-2.0
"""How long lbrd serves nobody while an index is being built, events arrive and a module is loaded,
which makes lbrd read the symbols of all modules anew: in the guest, by lbrd's own counters. With
the kernel's debug package in the cache it is the index of the whole kernel, else only that of a
module. And what memory lbrd has then for its own. Run by tests/guest/lines under `--icount`, where
a nanosecond of CPU time is one instruction."""

import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "guest"))
import lines_scene  # noqa: E402


HOT = 300  # events, with which what is kept for late observers is full


def counters(lbrd):
    with lbrd.connect() as c:
        return {k["name"]: k["value"] for k in c.call("Describe")["counters"]}


def private_bytes(pid, index):
    """What is lbrd's own, and what it has copied of the index, whose other pages only look private
    as long as nobody else has them mapped. (They look dirty as well: the guest's disk is memory.)"""
    private = copied = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            in_index = rest[-1] == index
        elif in_index and name == "Anonymous:":
            copied += int(rest[0]) << 10
        elif not in_index and name in ("Private_Dirty:", "Private_Clean:"):
            private += int(rest[0]) << 10
    return private, copied


def main():
    package = lines_scene.FILES / "vmlinux"
    if package.exists():
        lines_scene.VMLINUX.parent.mkdir(parents=True, exist_ok=True)
        lines_scene.VMLINUX.symlink_to(package.resolve())
    else:
        print("the kernel's debug package is not in the cache: only a made-up one is built")
        lines_scene.make_vmlinux()
    events = 0
    with lines_scene.Scene() as scene:
        scene.wait_index("vmlinux", "building", "ready")
        before = counters(scene.lbrd)
        subprocess.run(["modprobe", "dummy"], check=True)
        while scene.index("vmlinux")["state"] == "building":
            for _ in range(5):
                scene.module.run(scene.program)
                scene.ctl.wait_for(lambda line: "event" in line)
            events += 5
            time.sleep(0.05)  # so that the builder gets its share
        after = counters(scene.lbrd)
        index = scene.index("vmlinux")
        for _ in range(HOT):
            scene.module.run(scene.program)
            scene.ctl.wait_for(lambda line: "event" in line)
        private, copied = private_bytes(scene.lbrd.pid,
                                        str(scene.path(lines_scene.KERNEL_ID)))
    print(f"{os.uname().release}: index of vmlinux {index['state']}, {index.get('size', 0)} bytes, "
          f"{events} events meanwhile")
    print(f"  turns of the loop {after['turns'] - before['turns']}, over 1 ms: "
          f"{after['turnsOver1Ms'] - before['turnsOver1Ms']}, over 5 ms: "
          f"{after['turnsOver5Ms'] - before['turnsOver5Ms']} (bar: 0); "
          f"longest since the start, attaching included: {after['longestTurn'] / 1000:.1f} ms")
    print(f"  private memory then: {private / 1e6:.1f} MB (bar: 16 MB); of the index "
          f"copied: {copied} bytes (bar: 0)")


main()
