#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events through all of lbrd, from the ring (where a recording is) to the sockets of observers: how
many per second of its CPU time, and where that goes. Medians of the rounds.

usage: route.py ROUTE FED-LBRD TIMED-LBRD
"""

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 5
OBSERVERS = (0, 1, 16, 64, 256)
DELIVERIES = 150000


def events_for(observers):
    return max(600, min(15000, DELIVERIES // max(observers, 1)))


def run(route, lbrd, observers, view="branches", stages=None):
    command = [route, lbrd, str(observers), str(events_for(observers))]
    command += ["raw"] if view == "raw" else []
    environment = {**os.environ, **({"LBRD_STAGES": stages} if stages else {})}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120,
                            env=environment).stdout
    return tuple(map(int, output.split()))


def shares(route, timed, observers):
    """{stage: part of the time of all stages}"""
    with tempfile.NamedTemporaryFile("r") as file:
        run(route, timed, observers, stages=file.name)
        lines = [line.split("\t") for line in open(file.name, encoding="ascii")]
    total = sum(int(ns) for _, ns, _ in lines)
    return {name: int(ns) / total for name, ns, _ in lines}


def main():
    route, fed, timed = sys.argv[1:]
    views = [(n, "branches") for n in OBSERVERS] + [(1, "raw")]
    samples = {key: [] for key in views}
    parts = {n: [] for n in OBSERVERS}
    for _ in range(ROUNDS):
        for n, view in views:
            samples[n, view].append(run(route, fed, n, view))
        for n in OBSERVERS:
            parts[n].append(shares(route, timed, n))
    print("  observers  view      events/s  deliveries/s  us/event  bytes (per second of lbrd's CPU)")
    for (n, view), rounds in samples.items():
        cpu, _, size = map(statistics.median, zip(*rounds))
        print(f"  {n:9}  {view:8}  {1e9 / cpu:8.0f}  {n * 1e9 / cpu:12.0f}  {cpu / 1e3:8.1f}  "
              f"{size:5.0f}")
    names = list(parts[0][0])
    print("  where the time of the stages goes, in percent")
    print("  observers  " + "  ".join(names))
    for n in OBSERVERS:
        medians = [100 * statistics.median(p[name] for p in parts[n]) for name in names]
        print(f"  {n:9}  " + "  ".join(f"{m:{len(name)}.0f}" for name, m in zip(names, medians)))


if __name__ == "__main__":
    main()
