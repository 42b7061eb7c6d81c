# SPDX-License-Identifier: Apache-2.0
"""lbrd as systemd runs it: for tests under tests/vm/run --systemd. The build is installed as
`meson install` would, but only in the guest, and the units go where the guest's systemd looks for
them:

    with service.Service() as lbrd:
        with lbrd.lbrctl("status") as ctl:
            ...
        lbrd.systemctl("restart", "lbrd.service")
"""

import json
import os
import pathlib
import shutil
import subprocess

import harness

UNITS = pathlib.Path("/run/systemd/system")


def systemctl(*arguments):
    """Runs systemctl; its standard output."""
    result = subprocess.run(["systemctl", "--no-ask-password", *arguments], capture_output=True,
                            text=True, timeout=harness.TIMEOUT)
    assert result.returncode == 0, (f"systemctl {' '.join(arguments)}: {result.returncode}: "
                                    f"{result.stdout}{result.stderr}")
    return result.stdout


def installed():
    """{file of the build or source tree: place} of all that `meson install` would install."""
    plan = harness.BUILD / "meson-info" / "intro-installed.json"
    return {pathlib.Path(k): pathlib.Path(v) for k, v in json.loads(plan.read_text()).items()}


def install():
    """Installs the build, makes users and groups, and links the units."""
    for source, place in installed().items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
        if place.parent.name == "sysusers.d":
            subprocess.run(["systemd-sysusers", place], check=True)
        if place.suffix in (".service", ".socket") and not (UNITS / place.name).exists():
            (UNITS / place.name).symlink_to(place)


def journalctl(*arguments):
    """What the journal shows, once everything that was sent to it is in it."""
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.run(["journalctl", "--no-pager", "--quiet", *arguments], capture_output=True,
                          text=True, check=True).stdout


class Service(harness.Server):
    """lbrd.socket and lbrd.service, running. `settings` are lines of a drop-in for the service,
    for instance "[Service]\\nWatchdogSec=2s". Stopped at the context's end."""

    socket = "/run/lbrd/lbrd.sock"

    def __init__(self, settings=""):
        install()
        self.begin = journalctl("--lines=0", "--show-cursor").split()[-1]
        self.client = next(place for place in installed().values() if place.name == "lbrctl")
        # The leak check traces its own process, which the unit's filter of system calls forbids.
        options = os.environ.get("ASAN_OPTIONS", "")
        self.drop_in("environment", f"[Service]\nEnvironment=ASAN_OPTIONS={options}:detect_leaks=0")
        self.drop_in("test", settings)
        systemctl("daemon-reload")
        systemctl("start", "lbrd.socket", "lbrd.service")

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, trace):
        if exception_type is not None:
            print("# the journal:")
            for line in self.journal().splitlines():
                print("#  ", line)
        systemctl("stop", "lbrd.socket", "lbrd.service")

    @staticmethod
    def drop_in(name, text):
        """Settings beside the unit's; they take effect with daemon-reload and a restart."""
        directory = UNITS / "lbrd.service.d"
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.conf").write_text(text + "\n")

    @staticmethod
    def systemctl(*arguments):
        return systemctl(*arguments)

    @staticmethod
    def property(name):
        """A property of the unit, for instance MainPID or NRestarts, as a string."""
        return systemctl("show", "--value", "--property", name, "lbrd.service").strip()

    def journal(self):
        """What lbrd and systemd about it said since this service began, oldest line first."""
        return journalctl("--output=cat", "--unit=lbrd.service", f"--after-cursor={self.begin}")
