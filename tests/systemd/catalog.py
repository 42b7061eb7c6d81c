#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each message that lbrd writes to the journal is explained in the catalog, and nothing else is;
journalctl accepts the file. usage: catalog.py CATALOG LOG_C"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def main():
    catalog, log = (pathlib.Path(a) for a in sys.argv[1:])
    explained = re.findall(r"^-- ([0-9a-f]{32})$", catalog.read_text(), re.M)
    written = re.findall(r'"([0-9a-f]{32})"', log.read_text())
    assert written, "no message identifier in the source"
    assert sorted(explained) == sorted(set(written)), (
        f"only in the catalog: {set(explained) - set(written)}, "
        f"only in the source: {set(written) - set(explained)}")

    if not shutil.which("journalctl"):
        return
    with tempfile.TemporaryDirectory() as root:
        directory = pathlib.Path(root, "usr/lib/systemd/catalog")
        directory.mkdir(parents=True)
        pathlib.Path(root, "var/lib/systemd/catalog").mkdir(parents=True)
        shutil.copy(catalog, directory)
        subprocess.run(["journalctl", "--update-catalog", f"--root={root}"], check=True)
        listed = subprocess.run(["journalctl", "--list-catalog", f"--root={root}"], check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        for identifier in explained:
            assert identifier in listed, f"journalctl does not know {identifier}:\n{listed}"


main()
