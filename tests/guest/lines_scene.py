# SPDX-License-Identifier: Apache-2.0
"""Where lines are tested: a made-up vmlinux, two builds of a module, and lbrd with both. Run by the
script `lines`, which builds the module."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import harness
import paths

FILES = pathlib.Path(os.environ["LBRD_LINES"])
RELEASE = os.uname().release
MODULE = "lbrd_lines"
UPDATES = pathlib.Path("/lib/modules", RELEASE, "updates")
VMLINUX = pathlib.Path("/usr/lib/debug/boot", f"vmlinux-{RELEASE}")
PROGRAM_LINES = paths.markers(pathlib.Path(__file__).with_name("lines.bpf.c"))
ENTRY = f"{MODULE}_run"
MADE_UP = "made_up.c"  # line 1000 + offset
HAS_DEBUG_PACKAGE = (FILES / "vmlinux.lines").exists()
UNREAD = 20  # events, of which one at least is not disturbed


def build_id(path):
    """The build id in a file of ELF notes."""
    data = path.read_bytes()
    at = data.index(b"\x03\0\0\0GNU\0") - 8
    length = int.from_bytes(data[at + 4:at + 8], "little")
    return data[at + 16:at + 16 + length].hex()


KERNEL_ID = build_id(pathlib.Path("/sys/kernel/notes"))


def kallsyms(*names):
    """Addresses by name, and the size of each (up to the next symbol)."""
    symbols = [line.split() for line in pathlib.Path("/proc/kallsyms").read_text().splitlines()]
    addresses = sorted({int(s[0], 16) for s in symbols})
    found = {s[2]: int(s[0], 16) for s in symbols if s[2] in names and len(s) == 3}
    return {name: (at, addresses[addresses.index(at) + 1] - at) for name, at in found.items()}


def make_vmlinux():
    """A kernel that was linked elsewhere than where it runs, as always with KASLR."""
    symbols = kallsyms("_stext", "int_sqrt")
    start, size = symbols["int_sqrt"]
    linked = 0xffffffff81000000
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch, "a.s")
        body = "".join(f'# {1000 + i} "{MADE_UP}"\n\tnop\n' for i in range(size))
        source.write_text(".text\n.globl _stext\n_stext: nop\n"
                          '.section .made, "ax"\n.globl int_sqrt\n'
                          f".type int_sqrt, @function\nint_sqrt:\n{body}"
                          ".size int_sqrt, . - int_sqrt\n")
        subprocess.check_call(["as", "--gdwarf-5", "-o", f"{scratch}/a.o", source])
        VMLINUX.parent.mkdir(parents=True, exist_ok=True)
        address = linked + start - symbols["_stext"][0]
        subprocess.check_call(["ld", "-e", "0", f"--build-id=0x{KERNEL_ID}",
                               f"-Ttext={linked:#x}", f"--section-start=.made={address:#x}",
                               "-o", VMLINUX, f"{scratch}/a.o"])


def cache_with_kernel():
    """What an administrator makes where the debug package is, and copies before lbrd starts."""
    cache = pathlib.Path(tempfile.mkdtemp(prefix="cache-"))
    if HAS_DEBUG_PACKAGE:
        print("# the kernel's lines are those of its debug package")
        shutil.copy(FILES / "vmlinux.lines", cache / f"{KERNEL_ID}.v2.lines")
    return cache


class Module:
    """A build of the module, loaded; its debug information is where modules are installed."""

    def __init__(self, build, suffix=""):
        self.source = FILES / build / f"{MODULE}.c"
        self.lines = paths.markers(self.source)
        UPDATES.mkdir(parents=True, exist_ok=True)
        for old in UPDATES.glob(f"{MODULE}.ko*"):
            old.unlink()
        installed = shutil.copy(FILES / build / f"{MODULE}.ko", UPDATES)
        subprocess.check_call(["insmod", installed])
        if suffix == ".xz":
            subprocess.check_call(["xz", "--check=crc32", installed])
        self.id = build_id(pathlib.Path("/sys/module", MODULE, "notes/.note.gnu.build-id"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        subprocess.check_call(["rmmod", MODULE])

    def range(self):
        """The lines that have code; those of the other build are apart."""
        return range(min(self.lines.values()) - 10, max(self.lines.values()) + 10)

    @staticmethod
    def strip():
        """Debug information of it is on this machine no more."""
        subprocess.check_call(["objcopy", "--strip-debug", UPDATES / f"{MODULE}.ko"])

    @staticmethod
    def run(program):
        pathlib.Path("/sys/module", MODULE, "parameters/run").write_text(str(program.pin))


@contextlib.contextmanager
def stopped(process):
    """What happens meanwhile, it learns of afterwards."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


class Scene(contextlib.ExitStack):
    """lbrd with a cache of its own, the module, the program, and an attachment to it."""

    def __init__(self, build="first", suffix="", cache=None, builder=None, environment=None,
                 lbrd=None):
        super().__init__()
        self.lbrd = lbrd  # one that runs already, or None
        self.build, self.suffix, self.builder = build, suffix, builder
        self.environment = environment
        self.cache = pathlib.Path(cache or tempfile.mkdtemp(prefix="cache-"))
        self.cache.chmod(0o755)  # as systemd makes it: what is downloaded is nobody's

    def __enter__(self):
        super().__enter__()
        options = ["--builder", self.builder] if self.builder else []
        self.module = self.enter_context(Module(self.build, self.suffix))
        self.program = self.enter_context(harness.Programs("lines"))["lines"]
        self.lbrd = self.lbrd or self.enter_context(
            harness.Lbrd("--cache", self.cache, *options, env=self.environment))
        self.ctl = self.enter_context(
            self.lbrd.lbrctl("attach", "prog", str(self.program.id)))
        self.ctl.wait_for(lambda line: "attachment" in line)
        return self

    def run(self):
        """An event that no interrupt fell into, and that reaches back to the module's entry."""
        return harness.undisturbed(lambda: self.module.run(self.program), self.next_event,
                                   reaches_back)[1]

    def next_event(self):
        return self.ctl.wait_for(lambda line: "event" in line)["event"]

    def next_whole(self, n):
        """Of the next events the first one that is as run() would have it."""
        return harness.undisturbed(lambda: None, self.next_event, reaches_back, attempts=n)[1]

    def index(self, name):
        with self.lbrd.connect() as c:
            return next((i for i in c.call("Describe")["indexes"] if i["name"] == name), None)

    def wait_index(self, name, *states):
        """Until the index has come to one of the states."""
        deadline = time.monotonic() + harness.TIMEOUT
        while not (index := self.index(name)) or index["state"] not in states \
                or index.get("message") == "It is being looked for.":
            if time.monotonic() > deadline:
                self.lbrd.fail(f"{name} is {index}, not {states}")
            time.sleep(0.05)
        return index

    def wait_percent(self, name, percent):
        """Until the builder's word on how far it is has been read."""
        deadline = time.monotonic() + harness.TIMEOUT
        while (index := self.index(name))["percent"] != percent:
            if time.monotonic() > deadline:
                self.lbrd.fail(f"{name} is {index}, not at {percent} %")
            time.sleep(0.05)

    def wait_ready(self):
        """Until both have lines: the module's is wanted when the module is first seen."""
        self.wait_index("vmlinux", "ready")
        self.run()
        return self.wait_index(MODULE, "ready")

    def lose_debug_information(self):
        """The module stays, but no file of it: there are no lines of it."""
        for installed in UPDATES.glob(f"{MODULE}.ko*"):
            installed.unlink()
        self.run()
        self.wait_index(MODULE, "absent")

    def path(self, id=None):
        """The cached index of the module."""
        return self.cache / f"{id or self.module.id}.v2.lines"


def made_index():
    """The bytes of the module's index, as another machine would make it."""
    with Scene() as scene:
        scene.wait_ready()
        return scene.path().read_bytes()


def reaches_back(event):
    """Whether the module's entry is in the record."""
    return harness.enters(event, ENTRY)
