#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What lbrd-index says and how it ends, when it cannot do as it is told.

usage: refusals.py LBRD-INDEX SAMPLE-LIBRARY SAMPLE-DIRECTORY [sanitized]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

DONE, FAILED, USAGE, UNFIT = range(4)


def build_id(path):
    for line in subprocess.run(["readelf", "-n", path], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        if "Build ID:" in line:
            return line.split()[-1]
    raise AssertionError("no build id")


class Place:
    def __init__(self, directory, index, sample, sources, sanitized):
        self.directory, self.index, self.sample = directory, index, sample
        self.sanitized = sanitized
        self.stripped = directory / "stripped"
        self.garbage = directory / "garbage"
        self.other = directory / "other"
        self.cut = directory / "cut"
        subprocess.run(["objcopy", "--strip-debug", sample, self.stripped], check=True)
        subprocess.run(["gcc", "-g", "-w", "-fPIC", "-shared", "-nostdlib", "-Wl,--build-id", "-o",
                        self.other, "first.c"], cwd=sources, check=True)
        self.garbage.write_bytes(b"garbage" * 100)
        self.cut.write_bytes(sample.read_bytes()[:3000])

    def expect(self, status, words, *arguments, output=True, **options):
        """Runs the builder; returns what it printed. Nothing may be left when it fails."""
        made = self.directory / "made"
        made.unlink(missing_ok=True)
        before = set(os.listdir(self.directory))
        result = subprocess.run([self.index, *(["-o", made] if output else []), *arguments],
                                capture_output=True, text=True, timeout=200, **options)
        assert result.returncode == status, f"status {result.returncode}: {result.stderr}"
        assert words in result.stderr, f"{words!r} is not in {result.stderr!r}"
        if status != DONE:
            assert set(os.listdir(self.directory)) == before, "something was left behind"
        elif output:
            assert made.stat().st_size > 1000
        return result.stdout


def usage(p):
    p.expect(USAGE, "INPUT is missing")
    p.expect(USAGE, "exactly one of", p.sample, output=False)
    p.expect(USAGE, "exactly one of", p.sample, "--output-fd", "5")
    p.expect(USAGE, "not a build id: 12x4", "--build-id", "12x4", p.sample)
    p.expect(USAGE, "not a number", "--max-memory", "-1", p.sample)
    assert "Exit status" in p.expect(DONE, "", "--help", output=False)


def unfit(p):
    p.expect(UNFIT, "not an object file", p.garbage)
    p.expect(UNFIT, "not an object file", "/dev/null")
    p.expect(UNFIT, "No such file", p.directory / "absent")
    p.expect(UNFIT, "no debug information", p.stripped)
    p.expect(UNFIT, "", p.cut)


def builds(p):
    p.expect(UNFIT, "of another build", "--build-id", "00" * 20, p.sample)
    p.expect(UNFIT, "of another build", p.stripped, "--debug", p.other)
    p.expect(DONE, "", "--build-id", build_id(p.sample), p.sample)


def several(p):
    said = p.expect(DONE, "of another build", "--progress", p.stripped, p.other, p.garbage,
                    p.sample)
    lines = said.splitlines()
    assert lines[0] == f"from {p.sample}", said
    assert lines[-1] == "100", said
    numbers = [int(line) for line in lines[1:]]
    assert numbers == sorted(numbers), said


def descriptors(p):
    p.expect(DONE, "", p.sample)
    expected = (p.directory / "made").read_bytes()
    path = p.directory / "through"
    with open(path, "wb") as to, open(p.sample, "rb") as source:
        p.expect(DONE, "", f"/proc/self/fd/{source.fileno()}", "--output-fd", str(to.fileno()),
                 output=False, pass_fds=(to.fileno(), source.fileno()))
    assert path.read_bytes() == expected, "not the same as by paths"


def no_room(p):
    p.expect(FAILED, "cannot write the index", p.sample, "--output-fd", "1", output=False,
             **{"preexec_fn": lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1)})
    p.expect(FAILED, "No such file", p.sample, "-o", p.directory / "absent" / "made")


def little_memory(p):
    """However little it is, the end comes with a word."""
    if p.sanitized:
        return "sanitizers need all the address space there is"
    for mebibytes in range(6, 30):
        made = p.directory / "little"
        result = subprocess.run([p.index, p.sample, "-o", made, "--max-memory", str(mebibytes)],
                                capture_output=True, text=True)
        assert result.returncode in (DONE, FAILED, UNFIT), f"{mebibytes} MiB: {result}"
        assert made.exists() == (result.returncode == DONE)
        assert (result.stderr == "") == (result.returncode == DONE), result
        made.unlink(missing_ok=True)
    return None


def alternate(p):
    """A part that dwz moved to a file that all share is found there, or missed."""
    if not shutil.which("dwz"):
        return "dwz: not installed"
    both = [p.directory / "one", p.directory / "two"]
    for path in both:
        shutil.copy(p.other, path)
    subprocess.run(["dwz", "-m", "shared.debug", *(b.name for b in both)], cwd=p.directory,
                   check=True, stderr=subprocess.DEVNULL)
    if not (p.directory / "shared.debug").exists():
        return "dwz found nothing to share"
    p.expect(DONE, "", both[0])
    (p.directory / "shared.debug").unlink()
    p.expect(UNFIT, "shared.debug, which is not there", both[0])
    return None


def main():
    missing = [t for t in ("gcc", "objcopy", "readelf") if not shutil.which(t)]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)}: not installed")
        return 0
    cases = [usage, unfit, builds, several, descriptors, no_room, little_memory, alternate]
    failed = 0
    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory() as directory:
        place = Place(pathlib.Path(directory),
                      *(pathlib.Path(a).resolve() for a in sys.argv[1:4]), len(sys.argv) > 4)
        for number, case in enumerate(cases, 1):
            try:
                skipped = case(place)
                print(f"ok {number} - {case.__name__}" + (f" # SKIP {skipped}" if skipped else ""))
            except (AssertionError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"# {error}\nnot ok {number} - {case.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
