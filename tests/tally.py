#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what meson's testlog.json files say and ends with the line "N passed, N failed".

usage: tally.py NAME=BUILDDIR…

A test that prints TAP counts with each of its parts, any other as one. A test that broke off
(crash, timeout) counts as failed even if all parts that it reached had passed. Skips are shown
with their reason. The exit status is 0 only if something passed and nothing failed.
"""

import json
import pathlib
import re
import sys

PART = re.compile(r"^(ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*?)\s*(?:#\s*(SKIP)\b\s*(.*))?$", re.I)
SKIPPED = "SKIP"
PASSED = ("OK", "EXPECTEDFAIL")


def parts(test):
    """(name, "passed" | "failed" | "skipped", reason) for everything that the test decided."""
    found = []
    lines = test.get("stdout", "").splitlines()
    if any(re.match(r"1\.\.\d+", line) for line in lines):
        for line in lines:
            if not (match := PART.match(line)):
                continue
            verdict, name, directive, reason = match.groups()
            if verdict != "ok":
                found.append((name, "failed", ""))
            elif directive:
                found.append((name, "skipped", reason or "no reason given"))
            else:
                found.append((name, "passed", ""))
    if test["result"] == SKIPPED and not found:
        reason = (lines or ["no reason given"])[-1]
        return [("", "skipped", re.sub(r"^.*#\s*SKIP\s*", "", reason))]
    if test["result"] not in PASSED + (SKIPPED,) and not any(p[1] == "failed" for p in found):
        found.append(("", "failed", test["result"].lower()))
    return found or [("", "passed", "")]


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for argument in sys.argv[1:]:
        build, _, directory = argument.partition("=")
        log = pathlib.Path(directory, "meson-logs", "testlog.json")
        for line in log.read_text().splitlines() if log.exists() else []:
            test = json.loads(line)
            for name, verdict, reason in parts(test):
                counts[verdict] += 1
                if verdict != "passed":
                    what = " / ".join(filter(None, [build, test["name"], name]))
                    print(f"{verdict}: {what}" + (f": {reason}" if reason else ""))
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    sys.exit(counts["failed"] > 0 or counts["passed"] == 0)


main()
