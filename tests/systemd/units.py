#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""systemd itself must find no fault with the units and the group file, and little exposure. A skip (status 77) where
systemd is not installed. usage: units.py SERVICE SOCKET SYSUSERS"""

import pathlib
import shutil
import subprocess
import sys
import tempfile


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.returncode, result.stdout.strip()


def main():
    service, socket, sysusers = (pathlib.Path(a) for a in sys.argv[1:])
    for tool in ("systemd-analyze", "systemd-sysusers"):
        if not shutil.which(tool):
            print(f"no {tool}")
            sys.exit(77)

    with tempfile.TemporaryDirectory() as directory:
        # The daemon may not be installed here: anything executable stands in for it.
        text = service.read_text()
        command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
        assert command.endswith("/lbrd") and command.startswith("ExecStart=/"), command
        units = [pathlib.Path(directory, service.name), pathlib.Path(directory, socket.name)]
        units[0].write_text(text.replace(command, f"ExecStart={sys.executable}"))
        units[1].write_text(socket.read_text())
        status, output = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                             *units)
        assert (status, output) == (0, ""), f"systemd-analyze: {status}: {output}"

        # The check itself must be able to fail.
        units[0].write_text(text.replace(command, "ExecStart=/nowhere/lbrd\nNoSuchSetting=1"))
        status, output = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                             *units)
        assert status and "NoSuchSetting" in output, f"systemd-analyze finds nothing: {output}"

        # As much as it takes, and no more: 0 is nothing, 10 is root without any restriction.
        units[0].write_text(text)
        status, output = run("systemd-analyze", "security", "--no-pager", "--offline=yes",
                             "--threshold=20", units[0])
        assert status == 0 and "Overall exposure" in output, f"exposed beyond 2.0: {output}"
        units[0].write_text(text.replace("CapabilityBoundingSet=", "#"))
        status, output = run("systemd-analyze", "security", "--no-pager", "--offline=yes",
                             "--threshold=20", units[0])
        assert status, f"systemd-analyze weighs nothing: {output}"

        status, output = run("systemd-sysusers", "--dry-run", f"--root={directory}", sysusers)
        assert status == 0, f"systemd-sysusers: {output}"


main()
