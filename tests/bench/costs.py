# SPDX-License-Identifier: Apache-2.0
"""What lbrd and lbrctl cost, in guest instructions: run under `tests/vm/run --icount`, where one
nanosecond of CPU time is one instruction. Printed beside the peers, which were measured on the same
emulated branch records (6.12, one CPU, the same kind of XDP target)."""

import os
import pathlib
import select
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "guest"))
import harness  # noqa: E402
import paths  # noqa: E402

PACKET = paths.ALL[2]
ROUNDS = 5
EVENTS = 2000
PORTION = 100
FURTHER = 4


def cpu_time(pid):
    """Nanoseconds that a process has run: /proc/PID/schedstat, exact to the nanosecond."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def total_time(process):
    """Nanoseconds of a process that ends now."""
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def lbrctl(lbrd, *arguments, stdout):
    return subprocess.Popen([harness.LBRCTL, "--socket", lbrd.socket, *map(str, arguments)],
                            stdout=stdout, stderr=subprocess.DEVNULL)


def wait_for_observers(lbrd, n):
    with lbrd.connect() as c:
        while c.call("Describe")["observers"] < n:
            # 6.1 waits half a second for each attachment: an idle guest passes it at once.
            time.sleep(0.005)


def attach_to_first_row(lbrd, program):
    before = cpu_time(lbrd.pid)
    process = lbrctl(lbrd, "attach", "prog", program.id, "--limit", 1, stdout=subprocess.PIPE)
    wait_for_observers(lbrd, 1)
    polling = cpu_time(lbrd.pid)
    program.run(PACKET.data)
    rows = process.stdout.read()
    assert b"paths" in rows, rows
    # What this script's own polling made lbrd do lies before the event and is measured apart.
    spent = cpu_time(lbrd.pid) - polling + total_time(process)
    return spent, polling - before


def ended_within(seconds, process):
    return select.select([os.pidfd_open(process.pid)], [], [], seconds)[0]


def one_event(lbrd, program, further, view):
    """CPU time per event: of lbrd, of lbrctl all told."""
    with open("/dev/shm/rows", "w") as rows:
        owner = lbrctl(lbrd, "attach", "prog", program.id, "--limit", EVENTS, "--view", view,
                       stdout=rows)
        wait_for_observers(lbrd, 1)
        with lbrd.connect() as c:
            (attachment,) = c.call("List")["attachments"]
        watchers = [lbrctl(lbrd, "watch", attachment["id"], stdout=rows) for _ in range(further)]
        wait_for_observers(lbrd, 1 + further)
        processes = [owner, *watchers]
        before = cpu_time(lbrd.pid), sum(cpu_time(p.pid) for p in processes)
        for _ in range(EVENTS // PORTION):
            program.run(PACKET.data, repeat=PORTION)
        # What was lost in the kernel is missing from the limit.
        while not ended_within(1, owner):
            program.run(PACKET.data)
        shown = sum(total_time(p) for p in processes)
    return (cpu_time(lbrd.pid) - before[0]) / EVENTS, (shown - before[1]) / EVENTS


def medians(lbrd, program, further=0, view="branches"):
    shares = [one_event(lbrd, program, further, view) for _ in range(ROUNDS)]
    return [statistics.median(share) / 1e3 for share in zip(*shares)]


def show(what, lbrd, shown, peers):
    print(f"  {what:31} {lbrd + shown:8.1f} k = {lbrd:.1f} + {shown:.1f} of lbrctl   {peers}")


def main():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        program = loaded["paths"]
        attach_to_first_row(lbrd, program)  # from here on lbrd is warm
        attached = [sum(attach_to_first_row(lbrd, program)) for _ in range(ROUNDS)]
        alone = medians(lbrd, program)
        crowd = medians(lbrd, program, FURTHER)
        views = {view: medians(lbrd, program, view=view) for view in ("source", "insns")}
    further = [(a - b) / FURTHER for a, b in zip(crowd, alone)]
    print(f"guest instructions on {os.uname().release}, medians of {ROUNDS}")
    print(f"  attach to first row, warm lbrd  {statistics.median(attached) / 1e9:8.3f} G   "
          "bar 0.1 G; bpflbr 4.9 to 8.0 G, bpfsnoop 4.2 to 7 G, retsnoop 2.07 G")
    show("lbrd and lbrctl per event shown", *alone,
         "bar 100 k; bpflbr 265 k, bpfsnoop 243 k, retsnoop 184 k")
    show("each further observer", *further, "bar 20 k; no peer has it")
    for view, costs in views.items():
        show(f"in the view of {view}", *costs, "no peer has it")


main()
