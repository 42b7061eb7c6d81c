#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the real lbrctl against fake-lbrd and compares all that it prints with what it should.

usage: golden.py LBRCTL [--update] [NAME…]

cases.json holds the cases: {"name": {"script": FILE in replies/ (none: nobody listens),
"arguments": […], "environment": {…}, "reader": "head" (closes standard output after the first
line), "stdout": "full" (a device that is full), "terminal": COLUMNS (standard output is one),
"socket": "refused" | "forbidden" | "absent", "tree": {FILE: {LINE: TEXT}} (a directory, which the
argument TREE stands for)}}.
What each must print stands in expected/NAME.txt, which --update writes anew: look at the
difference before you commit it. Output is TAP.
"""

import difflib
import fcntl
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
DEADLINE = 120


def import_program(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


fake_lbrd = import_program("fake-lbrd")


def prepare_socket(case, path):
    """What is there instead of a server."""
    kind = case.get("socket", "absent")
    if kind == "refused":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    elif kind == "forbidden":
        path.parent.chmod(0)


def make_tree(case, path):
    """Files with those lines; the others are blank."""
    for name, lines in case.get("tree", {}).items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines.get(str(number), "")
                                  for number in range(1, max(map(int, lines)) + 1)))


def as_somebody(lbrctl, scratch):
    """The options for Popen to be not root, to whom nothing is forbidden."""
    if os.geteuid():
        return lbrctl, {}
    scratch.chmod(0o755)
    copy = shutil.copy(lbrctl, scratch)
    return copy, {"user": "nobody", "group": "nogroup", "extra_groups": []}


def run_on_terminal(command, columns, environment):
    """Standard output is a terminal of so many columns."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, env=environment, cwd="/", stdin=subprocess.DEVNULL,
                               stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    stdout = b""
    try:
        while data := os.read(master, 65536):
            stdout += data
    except OSError:
        pass  # EIO: the other end is closed
    os.close(master)
    stderr = process.communicate(timeout=DEADLINE)[1]
    return stdout.replace(b"\r\n", b"\n"), stderr, process.returncode


def run_lbrctl(lbrctl, case, path):
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "LBRD_SOCKET": str(path),
        **{k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k},
        **case.get("environment", {}),
    }
    options = {}
    if case.get("socket") == "forbidden":
        lbrctl, options = as_somebody(lbrctl, path.parent.parent)
    command = [lbrctl, *(str(path.parent / "tree") if argument == "TREE" else argument
                         for argument in case["arguments"])]
    if "terminal" in case:
        return run_on_terminal(command, case["terminal"], {**environment, "TERM": "xterm"})
    full = open("/dev/full", "wb") if case.get("stdout") == "full" else None
    process = subprocess.Popen(command, env=environment, cwd="/", stdin=subprocess.DEVNULL,
                               stdout=full or subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if case.get("reader") == "head":
        stdout = process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()
        process.wait(DEADLINE)
    else:
        stdout, stderr = process.communicate(timeout=DEADLINE)
    return stdout or b"", stderr, process.returncode


def exit_text(code):
    return str(code if code >= 0 else signal.Signals(-code).name).encode()


def run_case(lbrctl, name, case):
    """(what was printed, what went wrong beside it)"""
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, "s", "lbrd.sock")
        path.parent.mkdir()
        make_tree(case, path.parent / "tree")
        server = None
        if "script" in case:
            server = fake_lbrd.Server(path, HERE / "replies" / case["script"])
        else:
            prepare_socket(case, path)
        try:
            stdout, stderr, code = run_lbrctl(lbrctl, case, path)
        finally:
            path.parent.chmod(0o700)
        if server:
            server.join(DEADLINE)
    complaint = "\n".join(server.failures) if server else ""
    shown = " ".join(["lbrctl", *case["arguments"]])
    text = b"$ %s\n%s---- stderr\n%s---- exit %s\n" % (
        shown.encode(), stdout, stderr, exit_text(code))
    text = text.replace(str(path).encode(), b"SOCKET")
    complaint += "".join(f"{line}\n" for line in misprints(case, stdout))
    text = re.sub(rb"(?<=usermod -aG lbrd )[^']+", b"USER", text)
    return text, complaint


def width_of(line):
    """Columns of a line, by other rules than lbrctl's."""
    line = re.sub(r"\033\[[0-9;]*m", "", line)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
               for c in line)


def misprints(case, stdout):
    """What no output may have, whatever is expected of it."""
    arguments = case["arguments"]
    width = int(arguments[arguments.index("--width") + 1]) if "--width" in arguments else None
    width = case.get("terminal", width)
    for line in stdout.decode().splitlines():
        if width and width_of(line) > width and "usage" not in line:
            yield f"wider than {width}: {line!r}"
        if line != line.rstrip():
            yield f"blanks at the end: {line!r}"
        if re.search("[\0-\x1a\x1c-\x1f\x7f-\x9f]|\033(?!\\[[0-9;]*m)", line):
            yield f"control characters: {line!r}"
        if "\033" in line and "always" not in arguments and "terminal" not in case:
            yield f"colour: {line!r}"


def check(number, lbrctl, name, case, update):
    expected = HERE / "expected" / f"{name}.txt"
    try:
        text, complaint = run_case(lbrctl, name, case)
    except subprocess.TimeoutExpired:
        text, complaint = b"", "lbrctl does not end"
    if update and not complaint:
        expected.write_bytes(text)
    wanted = expected.read_bytes() if expected.exists() else b""
    good = text == wanted and not complaint
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    if complaint:
        print("# " + complaint.replace("\n", "\n# "))
    if text != wanted:
        for line in difflib.unified_diff(
                wanted.decode(errors="replace").splitlines(),
                text.decode(errors="replace").splitlines(), "expected", "printed", lineterm=""):
            print("# " + line.replace("\033", "^["))
    return good


def main():
    update = "--update" in sys.argv
    lbrctl, *names = [argument for argument in sys.argv[1:] if argument != "--update"]
    cases = json.loads((HERE / "cases.json").read_text())
    names = names or list(cases)
    print(f"1..{len(names)}")
    results = [check(i, pathlib.Path(lbrctl).resolve(), name, cases[name], update)
               for i, name in enumerate(names, 1)]
    sys.exit(not all(results))


main()
