# SPDX-License-Identifier: Apache-2.0
"""What a dump of about four kilobytes of machine code takes: lbrctl and a warm lbrd against
`bpftool prog dump jited` of the same program in the same run. Debian's bpftool has no disassembler:
$LBRD_BPFTOOL names one that has, as tests/vm/fetch builds it; without it, its place takes what its
users do instead, the raw image and objdump. On the host it takes milliseconds, where BPF programs may be loaded there; under
`tests/vm/run --icount`, where a nanosecond is an instruction, with --instructions it counts these."""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "guest"))
import harness  # noqa: E402
from disassembly import find_bpftool  # noqa: E402

ROUNDS = 9


def measure(run):
    begin = time.monotonic()
    run()
    return 1000 * (time.monotonic() - begin)


def median(run):
    """Milliseconds, and the output."""
    output = run()  # the first one reads files
    return statistics.median(measure(run) for _ in range(ROUNDS)), output


def main():
    bpftool = find_bpftool()
    with harness.Programs("four-kb") as loaded, harness.Lbrd() as lbrd:
        id = str(loaded["four_kb"].id)
        image = subprocess.check_output([harness.BPF_TOOL, "image", id])

        def with_objdump():
            with tempfile.NamedTemporaryFile() as file:
                file.write(subprocess.check_output([harness.BPF_TOOL, "image", id]))
                file.flush()
                return subprocess.check_output(
                    ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", file.name])

        ours, text = median(lambda: subprocess.check_output(
            [harness.LBRCTL, "--socket", lbrd.socket, "dump", "prog", id]))
        assert text.count(b"\n") > 700, text
        theirs, _ = median((lambda: subprocess.check_output(
            [bpftool, "prog", "dump", "jited", "id", id])) if bpftool else with_objdump)
    unit, bar = "ms", "bar 20 ms"
    if "--instructions" in sys.argv:
        unit, bar = "M instructions", "20 ms are 60 of a CPU of 3 GHz that does one a cycle"
    print(f"a dump of {len(image)} bytes on {os.uname().release}, medians of {ROUNDS}")
    print(f"  lbrctl dump, warm lbrd     {ours:8.2f} {unit}   {bar}")
    print(f"  {'bpftool prog dump jited' if bpftool else 'raw image and objdump  '}    "
          f"{theirs:8.2f} {unit}   {theirs / ours:.1f} times as long")


def may_load():
    return os.geteuid() == 0 and subprocess.run(
        [harness.BPF_TOOL, "hold", harness.object_path("four-kb")], stdin=subprocess.DEVNULL,
        capture_output=True).returncode == 0


if not may_load():
    print("no BPF program may be loaded here")
    sys.exit(77)
main()
