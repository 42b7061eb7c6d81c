#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what meson's testlog.json files say and ends with the line "N passed, N failed".

usage: tally.py NAME=BUILDDIR…

A test that prints TAP counts with each of its parts, any other as one. A test that broke off
(crash, timeout) counts as failed even if all parts that it reached had passed. Failures of TAP are
shown with the comments that precede them, skips with their reason. The exit status is 0 only if
something passed and nothing failed.
"""

import json
import pathlib
import re
import sys
import textwrap

PART = re.compile(r"^(ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*?)\s*(?:#\s*(SKIP)\b\s*(.*))?$", re.I)
SKIPPED = "SKIP"
PASSED = ("OK", "EXPECTEDFAIL")


def tap_parts(lines):
    """(name, verdict, reason) for each result line; a failure's reason is what was said before."""
    said = []
    for line in lines:
        if not (match := PART.match(line)):
            said.append(line)
            continue
        verdict, name, directive, reason = match.groups()
        if verdict != "ok":
            yield name, "failed", "\n".join(said)
        elif directive:
            yield name, "skipped", reason or "no reason given"
        else:
            yield name, "passed", ""
        said = []


def parts(test):
    """(name, "passed" | "failed" | "skipped", reason) for everything that the test decided."""
    lines = test.get("stdout", "").splitlines()
    is_tap = any(re.match(r"1\.\.\d+", line) for line in lines)
    found = list(tap_parts(lines)) if is_tap else []
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
                    comments = "\n" + textwrap.indent(reason, "    ") if "\n" in reason else reason
                    print(f"{verdict}: {what}" + (f": {comments}" if reason else ""))
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    sys.exit(counts["failed"] > 0 or counts["passed"] == 0)


main()
