#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers and costs of an index of a whole kernel, beside llvm-symbolizer, which runs in turn.

usage: index.py KERNEL LBRD-INDEX PRINT-LOOKUPS HOT-RECORD RESIDENT [--fetch]

KERNEL is 6.1 or 6.12, that of the guest, when its debug package is in the cache or may be fetched;
$LBRD_VMLINUX takes its place. Ends with 1 when an answer differs or a bar is missed, and with 77
when there is no kernel.
"""

import collections
import os
import pathlib
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "unit" / "index"))
import compare  # noqa: E402

ROUNDS = 5
ADDRESSES = 20000
RECORD = 64  # addresses of 32 branches
RECORDS = 1000
SKIPPED = 77
SHIFT = 0x1c200000  # what KASLR may add


def find_vmlinux(kernel, fetch):
    if "LBRD_VMLINUX" in os.environ:
        return pathlib.Path(os.environ["LBRD_VMLINUX"])
    cache = pathlib.Path(os.environ.get("LBRD_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "lbrd"))
    folder = cache / f"{kernel}-dbg"
    if fetch and not folder.exists():
        subprocess.run([ROOT / "vm" / "fetch", cache, kernel], check=True)
        subprocess.run([ROOT / "vm" / "fetch", cache, f"{kernel}-dbg"], check=True)
    return folder / "vmlinux" if folder.exists() else None


def timed(*command, text=""):
    """(seconds, what it printed)"""
    started = time.monotonic()
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return time.monotonic() - started, result.stdout


def llvm(vmlinux, text, *options):
    return timed("llvm-symbolizer", "--inlines", "--no-demangle", f"--obj={vmlinux}", *options,
                 text=text)


def cpu_seconds(run, *arguments):
    """Of the process that run() starts: what is in the way on the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def llvm_per_record(vmlinux, record, *options):
    few = cpu_seconds(llvm, vmlinux, record, *options)
    return (cpu_seconds(llvm, vmlinux, record * RECORDS, *options) - few) / (RECORDS - 1)


def make_kernel(vmlinux, directory):
    """What lbrd reads of a running kernel, (kallsyms, sysfs): that vmlinux, moved by KASLR."""
    symbols = [line.split() for line in
               subprocess.run(["nm", vmlinux], capture_output=True, text=True,
                              check=True).stdout.splitlines()]
    kallsyms, sysfs = directory / "kallsyms", directory / "sys"
    kallsyms.write_text("".join(f"{(int(s[0], 16) + SHIFT) % 2**64:016x} {s[1]} {s[2]}\n"
                                for s in symbols if len(s) == 3 and int(s[0], 16) >> 63))
    notes = subprocess.run(["readelf", "-n", vmlinux], capture_output=True, text=True).stdout
    build_id = bytes.fromhex(notes.split("Build ID:")[1].split()[0])
    (sysfs / "kernel").mkdir(parents=True)
    (sysfs / "kernel" / "notes").write_bytes(
        struct.pack("<III", 4, len(build_id), 3) + b"GNU\0" + build_id)
    return kallsyms, sysfs


def outermost(theirs, ours):
    """Why the names of the outermost function differ; None: they do not."""
    name, other = theirs[-1][0], ours[-1][0]
    if name == other:
        return None
    if other == "??":
        return "only from symbols"
    return "suffix of the symbol left out" if name.split(".")[0] == other else "alias"


def is_from_symbols(theirs, ours):
    """Where no debug information names a file, llvm-symbolizer takes one of the symbol table."""
    place, other = theirs[-1][1], ours[-1][1]
    return place != other == "??:0:0" and place.endswith(":0:0") and "/" not in place


def compare_answers(theirs, ours):
    wrong, reasons = 0, collections.Counter()
    for expected, found in zip(compare.records(theirs), compare.records(ours), strict=True):
        if is_from_symbols(expected, found):
            reasons["and a file, both only from symbols"] += 1
        elif ([place for _, place in expected] != [place for _, place in found] or
                [name for name, _ in expected[:-1]] != [name for name, _ in found[:-1]]):
            wrong += 1
            if wrong <= 5:
                print(f"  differs: {found} instead of {expected}")
        elif reason := outermost(expected, found):
            reasons[reason] += 1
    print(f"answers: {wrong} of {ADDRESSES} differ (frames, files, lines, columns, inlined names)")
    for reason, count in reasons.most_common():
        print(f"  another name of the function itself: {count}, {reason}")
    return wrong == 0


def verdict(what, figure, bar, good):
    print(f"{what}: {figure} (bar: {bar}): {'met' if good else 'MISSED'}")
    return good


def print_times(vmlinux, section, times, medians):
    print(f"{vmlinux}: {ADDRESSES} addresses of {section}, medians of {ROUNDS} rounds")
    for key, value in medians.items():
        print(f"  {key:16} {value * 1e3:10.4f} ms   ({min(times[key]) * 1e3:.4f} to "
              f"{max(times[key]) * 1e3:.4f})")


def judge_times(t):
    build, first = t["build"] / t["llvm all"], t["llvm first"] / t["first"]
    uncached, known = t["llvm record"] / t["record"], t["llvm record"] / t["known record"]
    return [
        verdict("building / llvm-symbolizer's time for all addresses", f"{build:.2f}",
                "1.2 at most", build <= 1.2),
        verdict("first answer, times faster", f"{first:.0f}", "20", first >= 20),
        verdict("hot record, found and encoded without a cache, times faster",
                f"{uncached:.0f}", "25", uncached >= 25),
        verdict("hot record, all locations known, times faster", f"{known:.0f}; "
                f"{t['llvm record, JSON'] / t['known record']:.0f} with its JSON", "200",
                known >= 200),
    ]


def judge_sizes(file, hot, all_known, dirty):
    file, hot, all_known = file / 1e6, hot / 1e6, all_known / 1e6
    return [
        verdict("size", f"{file:.1f} MB", "24 MB", file <= 24),
        verdict("private memory with the kernel's symbols and a hot record", f"{hot:.1f} MB",
                "16 MB", hot <= 16),
        verdict("private memory after all addresses", f"{all_known:.1f} MB", "24 MB",
                all_known <= 24),
        verdict("bytes of the mapped index that are not clean", f"{dirty:.0f}", "0", dirty == 0),
    ]


def measure(vmlinux, index, lookups, hot, resident, directory):
    name, start, size = next(s for s in compare.sections(vmlinux) if s[0] == ".text")
    random.seed(1)
    addresses = [f"{start + random.randrange(size):#x}\n" for _ in range(ADDRESSES)]
    text, record, made = "".join(addresses), "".join(addresses[:RECORD]), directory / "index"
    moved = "".join(f"{int(a, 16) + SHIFT:#x}\n" for a in addresses)
    kernel = make_kernel(vmlinux, directory)
    times = collections.defaultdict(list)
    for _ in range(ROUNDS):
        seconds, theirs = llvm(vmlinux, text)
        times["llvm all"].append(seconds)
        times["build"].append(timed(index, vmlinux, "-o", made)[0])
        with made.open() as file:
            os.fsync(file)  # what is still to be written is not clean
        times["llvm first"].append(llvm(vmlinux, addresses[0])[0])
        times["first"].append(timed(hot, made, "1", text=addresses[0])[0])
        times["llvm record"].append(llvm_per_record(vmlinux, record))
        times["llvm record, JSON"].append(
            llvm_per_record(vmlinux, record, "--output-style=JSON"))
        times["record"].append(int(timed(hot, made, "20000", text=record)[1]) / 1e9)
        known, *sizes = map(int, timed(resident, made, *kernel, "200000", text=moved)[1].split())
        times["known record"].append(known / 1e9)
    t = {key: statistics.median(values) for key, values in times.items()}
    print_times(vmlinux, name, times, t)
    met = [compare_answers(theirs, timed(lookups, made, text=text)[1]), *judge_times(t),
           *judge_sizes(made.stat().st_size, *sizes)]
    return all(met)


def main():
    fetch = "--fetch" in sys.argv
    kernel, *programs = [a for a in sys.argv[1:] if a != "--fetch"]
    vmlinux = find_vmlinux(kernel, fetch)
    if vmlinux is None or not shutil.which("llvm-symbolizer"):
        print("skipped: " + ("llvm-symbolizer is not installed" if vmlinux else
                             "no debug package of the kernel (meson configure -Ddebug-package=true "
                             "fetches it, or set LBRD_VMLINUX)"))
        return SKIPPED
    with tempfile.TemporaryDirectory() as directory:
        return 0 if measure(vmlinux, *programs, pathlib.Path(directory)) else 1


if __name__ == "__main__":
    sys.exit(main())
