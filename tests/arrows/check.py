#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the source tree to the plan of the house. Prints one line for each breach.

usage: check.py arrows|files ROOT

arrows: who may include whom. The rooms symbol, trace and wire know nothing of each other; model is
below them, api above; proto, bpf/record.h and common are below all; the client knows nothing of
the daemon. Includes in quotes are written from the root.

files: each source file names its license, has at most 500 lines (an interface as many as it needs,
since it is one file by definition), of at most 100 columns where it
is C (a string is not broken for that, so that it can be found), and postpones nothing.
"""

import os
import pathlib
import re
import sys

BASE = ["common/", "proto/", "bpf/record.h"]

# Directory: prefixes that its files may include. The longest directory that fits a file counts.
ROOMS = {
    "bpf": ["bpf/"],
    "common": ["common/"],
    "proto": ["proto/", "common/"],
    "daemon/model": BASE + ["daemon/model/"],
    "daemon/symbol": BASE + ["daemon/symbol/", "daemon/model/"],
    "daemon/trace": BASE + ["daemon/trace/", "daemon/model/", "bpf/"],
    "daemon/wire": BASE + ["daemon/wire/"],
    # The sentences of the journal stand in one place, and requests have some of them.
    "daemon/api": BASE + ["daemon/api/", "daemon/model/", "daemon/symbol/", "daemon/trace/",
                          "daemon/wire/", "daemon/log.h"],
    # A program of its own; it shares only the format of its files with the daemon.
    "daemon/index-builder": BASE + ["daemon/index-builder/", "daemon/symbol/index.h",
                                    "daemon/symbol/index-format.h"],
    "daemon": BASE + ["daemon/"],
    "client": ["client/", "proto/", "common/"],
}

# Library, by the prefix of its headers: the rooms that may use it.
LIBRARIES = {
    "bpf/": ["bpf", "daemon/symbol", "daemon/trace", "daemon"],
    "capstone/": ["daemon/symbol"],
    "dwarf.h": ["daemon/index-builder"],
    "elfutils/": ["daemon/index-builder"],
    "event2/": ["daemon/wire", "daemon/api", "daemon"],
    "json-c/": ["proto", "daemon/wire", "daemon/api", "client"],
    "systemd/": ["daemon/wire", "daemon"],
}

SOURCE_SUFFIXES = {".c", ".h", ".py", ".sh", ".build", ".varlink", ".service", ".socket", ".conf",
                   ".catalog", ".in", ".8", ".1"}
MAX_LINES = 500
MAX_COLUMNS = 100
POSTPONED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(root):
    """Every file of the tree, hidden and build directories left out, relative to the root."""
    for directory, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith((".", "build", "__pycache__")))
        for name in sorted(files):
            yield (pathlib.Path(directory) / name).relative_to(root)


def room_of(path):
    for parent in path.parents:
        if parent.as_posix() in ROOMS:
            return parent.as_posix()
    return None


def check_arrows(root):
    for path in sources(root):
        room = room_of(path)
        if path.suffix not in (".c", ".h") or room is None:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if not (match := INCLUDE.match(line)):
                continue
            quote, header = match.groups()
            if quote == '"' and not header.startswith(tuple(ROOMS[room])):
                yield f"{path}:{number}: {room} may not include \"{header}\""
            for library, users in LIBRARIES.items():
                if quote == "<" and header.startswith(library) and room not in users:
                    yield f"{path}:{number}: {room} may not use <{header}>"


def is_source(path, text):
    return path.suffix in SOURCE_SUFFIXES or path.name.startswith("meson") or text[:2] == "#!"


def check_files(root):
    for path in sources(root):
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue
        if not is_source(path, text):
            continue
        lines = text.splitlines()
        if not any("SPDX-License-Identifier:" in line for line in lines[:5]):
            yield f"{path}:1: no SPDX-License-Identifier in the first lines"
        if len(lines) > MAX_LINES and path.suffix != ".varlink":
            yield f"{path}: {len(lines)} lines, {MAX_LINES} are the limit"
        for number, line in enumerate(lines, 1):
            if match := POSTPONED.search(line):
                yield f"{path}:{number}: {match[0]}"
            wide = len(line.expandtabs(8)) > MAX_COLUMNS and '"' not in line
            if path.suffix in (".c", ".h") and wide:
                yield f"{path}:{number}: more than {MAX_COLUMNS} columns"


def main():
    checks = {"arrows": check_arrows, "files": check_files}
    if len(sys.argv) != 3 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    breaches = list(checks[sys.argv[1]](pathlib.Path(sys.argv[2])))
    print("\n".join(breaches), end="\n" if breaches else "")
    sys.exit(bool(breaches))


main()
