#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a delivery to an observer costs lbrd, beside a sender of nothing but system calls and beside
Redis (PUBLISH over its Unix socket), which take turns in every round. Medians of the rounds.

usage: fanout.py FANOUT

Ends with 1 when a bar is missed, and with 77, after lbrd and the raw sender, when there is no
redis-server.
"""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7
SKIPPED = 77
SCENES = [("live", 64, 1000), ("backlog", 64, 3000), ("backlog", 256, 1000)]


class Redis:
    """A redis-server that keeps whatever its subscribers have not read yet."""

    def __init__(self, directory):
        self.path = directory / "redis"
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--daemonize",
             "no", "--dir", directory, "--client-output-buffer-limit", "pubsub 0 0 0"],
            stdout=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket(socket.AF_UNIX) as s:
                if s.connect_ex(os.fsencode(self.path)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("redis-server does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(fanout, sender, scene, directory, redis):
    """(CPU, time) in nanoseconds for each delivery."""
    path = redis.path if sender == "redis" else directory / "socket"
    command = [fanout, sender, *map(str, scene), path]
    if sender == "redis":
        command.append(str(redis.process.pid))
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    if sender == "raw":
        path.unlink()
    return tuple(map(float, output.split()))


def measure(fanout, directory, redis):
    senders = ["raw", "lbrd"] + (["redis"] if redis else [])
    samples = {(scene, sender): [] for scene in SCENES for sender in senders}
    for _ in range(ROUNDS):
        for scene, sender in samples:
            samples[scene, sender].append(run(fanout, sender, scene, directory, redis))
    medians = {key: tuple(map(statistics.median, zip(*rounds))) for key, rounds in samples.items()}
    print(f"one delivery of 6 KB, medians of {ROUNDS} rounds (the least to the most)")
    for (scene, sender), (cpu, elapsed) in medians.items():
        rounds = [sample[0] for sample in samples[scene, sender]]
        print(f"  {scene[0]:7} {scene[1]:3} observers  {sender:5}  {cpu / 1e3:5.2f} us of CPU "
              f"({min(rounds) / 1e3:.2f} to {max(rounds) / 1e3:.2f}), {elapsed / 1e3:5.2f} us in all")
    return {key: cpu for key, (cpu, elapsed) in medians.items()}


def verdict(what, ratio, bar, at_most):
    met = ratio <= bar if at_most else ratio >= bar
    print(f"{'met' if met else 'MISSED'}: {what}: {ratio:.2f} "
          f"(bar: {bar} {'at most' if at_most else 'at least'})")
    return met


def judge(cpu, redis):
    live, backlog, many = SCENES
    met = [
        verdict("live, CPU of lbrd / of the raw sender", cpu[live, "lbrd"] / cpu[live, "raw"],
                1.1, True),
        verdict("backlog, rate of lbrd / of the raw sender",
                cpu[backlog, "raw"] / cpu[backlog, "lbrd"], 0.8, False),
    ]
    if redis:
        met += [
            verdict("live, CPU of lbrd / of Redis", cpu[live, "lbrd"] / cpu[live, "redis"],
                    0.9, True),
            verdict("backlog, rate of lbrd / of Redis",
                    cpu[backlog, "redis"] / cpu[backlog, "lbrd"], 1.6, False),
            verdict("backlog to 256, rate of lbrd / of Redis",
                    cpu[many, "redis"] / cpu[many, "lbrd"], 2.2, False),
        ]
    return all(met)


def main():
    with tempfile.TemporaryDirectory(prefix="lbrd-fanout-") as name:
        directory = pathlib.Path(name)
        redis = Redis(directory) if shutil.which("redis-server") else None
        try:
            met = judge(measure(pathlib.Path(sys.argv[1]), directory, redis), redis)
        finally:
            if redis:
                redis.stop()
    if not met:
        return 1
    if not redis:
        print("the bars beside Redis skipped: install the package redis-server")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
