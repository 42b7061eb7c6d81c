#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes small object files in many ways and compares each address with llvm-symbolizer.

usage: compare.py LBRD-INDEX PRINT-LOOKUPS SAMPLE-DIRECTORY
"""

import mmap
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

FLAGS = ["-O2", "-g", "-fPIC", "-fno-stack-protector", "-w"]
SOURCES = ["first.c", "second.c", "third.S"]
EXECUTABLE = 4  # SHF_EXECINSTR


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def sections(path):
    """(name, address, size) of each section with code, in the order of the file."""
    with open(path, "rb") as f:
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    table, = struct.unpack_from("<Q", data, 0x28)
    width, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * width) for i in range(count)]
    for name, _, flags, address, _, size in headers:
        if flags & EXECUTABLE and size:
            start = headers[names][4] + name
            yield data[start:data.find(b"\0", start)].decode(), address, size


def records(text):
    """A list of (function, place) for each address."""
    for record in text.removesuffix("\n\n").split("\n\n"):
        lines = record.split("\n")
        yield list(zip(lines[::2], lines[1::2]))


def is_same(theirs, ours):
    """The name of the outermost function may come from the symbol table instead."""
    if [place for _, place in theirs] != [place for _, place in ours]:
        return False
    if [name for name, _ in theirs[:-1]] != [name for name, _ in ours[:-1]]:
        return False
    name, other = theirs[-1][0], ours[-1][0]
    return other == "??" or name.split(".")[0] == other.split(".")[0]


class Shop:
    """Where object files are made, each of them once."""

    def __init__(self, directory, sample, index, lookups):
        self.directory = directory
        self.sample = sample
        self.index = index
        self.lookups = lookups

    def new(self, name):
        return self.directory / name

    def silent(self, name):
        path = self.new(name + ".silent.o")
        run("gcc", "-g0", "-c", "-o", path, "fourth.S", cwd=self.sample)
        return path

    def shared(self, name, compiler, *flags):
        path = self.new(name)
        if path.exists():
            return path
        run(compiler, *FLAGS, *flags, "-shared", "-nostdlib", "-Wl,--build-id,-z,noexecstack", "-o", path,
            *SOURCES, self.silent(name), cwd=self.sample)
        return path

    def objcopy(self, source, name, *flags):
        path = self.new(name)
        run("objcopy", *flags, source, path)
        return path

    def linked_by_llvm(self, name):
        """What clang -flto makes, without its linker."""
        parts = []
        for source in SOURCES[:2]:
            parts.append(self.new(name + source + ".bc"))
            run("clang", *FLAGS, "-emit-llvm", "-c", "-o", parts[-1], source, cwd=self.sample)
        whole, best = self.new(name + ".bc"), self.new(name + ".best.bc")
        run("llvm-link", "-o", whole, *parts)
        run("opt", "-O2", "-o", best, whole)
        run("llc", "-O2", "-relocation-model=pic", "-filetype=obj", "-o", self.new(name + ".o"),
            best)
        run("gcc", "-shared", "-nostdlib", "-o", self.new(name), self.new(name + ".o"))
        return self.new(name)

    def module(self, name, compiler, *flags):
        """A relocatable object, and the same sections at addresses, for llvm-symbolizer."""
        path, linked = self.new(name + ".ko"), self.new(name + ".linked")
        if linked.exists():
            return path, linked
        run(compiler, *FLAGS, *flags, "-r", "-nostdlib", "-Wl,--build-id", "-o", path, *SOURCES,
            self.silent(name), cwd=self.sample)
        run("ld", "-shared", "--unique=.text*", "-z", "noexecstack", "-o", linked, path)
        return path, linked

    def look_up(self, made, section, addresses):
        text = "".join(f"{a:#x}\n" for a in addresses)
        return list(records(run(self.lookups, made, *section, input=text)))

    def check(self, path, *inputs, relocatable=False):
        """
        Compares all addresses of `path`; the index is made from `inputs`, by default from it, and
        asked for sections and offsets when they are relocatable.
        """
        made = self.new(path.name + ".index")
        run(self.index, *(inputs or [path]), "-o", made, stderr=subprocess.DEVNULL)
        compared = deepest = 0
        for name, address, size in sections(path):
            if name.startswith(".plt"):
                continue
            text = "".join(f"{a:#x}\n" for a in range(address, address + size))
            theirs = list(records(run("llvm-symbolizer", "--inlines", "--no-demangle",
                                      f"--obj={path}", input=text)))
            ours = (self.look_up(made, [name], range(size)) if relocatable else
                    self.look_up(made, [], range(address, address + size)))
            for offset, (expected, found) in enumerate(zip(theirs, ours, strict=True)):
                if not is_same(expected, found):
                    raise AssertionError(f"{name}+{offset:#x}: {found} instead of {expected}")
                deepest = max(deepest, len(found))
            compared += size
        if compared < 500 or deepest < 3:
            raise AssertionError(f"only {compared} addresses, {deepest} frames: too little")
        return compared


def object_files(shop):
    """(name of the case, a function that makes the file and compares)."""
    for compiler in ("gcc", "clang"):
        for dwarf in (4, 5):
            def base(suffix="", *flags, c=compiler, d=dwarf):
                return shop.shared(f"{c}-{d}{suffix}", c, f"-gdwarf-{d}", *flags)

            def module(c=compiler, d=dwarf):
                return shop.module(f"{c}-{d}", c, f"-gdwarf-{d}")

            def packed_module(tool, suffix, m=module):
                path, linked = m()
                run(tool, "-k", "-f", "-q", path)
                return shop.check(linked, path.with_name(path.name + suffix), relocatable=True)

            def split_module(m=module):
                path, linked = m()
                debug = shop.objcopy(path, path.name + ".debug", "--only-keep-debug")
                return shop.check(linked, debug, relocatable=True)

            def split(b=base):
                path = b()
                debug = shop.objcopy(path, path.name + ".debug", "--only-keep-debug")
                stripped = shop.objcopy(path, path.name + ".stripped", "--strip-debug")
                return shop.check(path, stripped, "--debug", debug)

            def changed(suffix, *flags, b=base):
                return shop.check(shop.objcopy(b(), f"{b().name}{suffix}", *flags))

            def compressed(how, b=base):
                # Not every llvm-symbolizer reads what every objcopy compresses.
                return shop.check(b(), shop.objcopy(b(), f"{b().name}-{how}",
                                                    "--compress-debug-sections=" + how))

            name = f"{compiler} DWARF {dwarf}"
            yield name, lambda b=base: shop.check(b())
            yield f"{name}, not optimized", lambda b=base: shop.check(b("-O0", "-O0"))
            yield f"{name}, without .debug_aranges", lambda c=changed: c(
                "-bare", "--remove-section=.debug_aranges")
            for how in ("zlib", "zlib-gnu"):
                yield f"{name}, sections compressed by {how}", lambda c=compressed, h=how: c(h)
            yield f"{name}, a section for each function", lambda b=base: shop.check(
                b("-functions", "-ffunction-sections"))
            yield f"{name}, split", split
            yield f"{name}, module", lambda m=module: shop.check(
                m()[1], m()[0], relocatable=True)
            yield f"{name}, module, split", split_module
            for tool, suffix in (("xz", ".xz"), ("zstd", ".zst"), ("gzip", ".gz")):
                if shutil.which(tool):
                    yield f"{name}, module packed by {tool}", lambda p=packed_module, a=(
                        tool, suffix): p(*a)
    # Relative names: with DWARF 5, this llvm-symbolizer puts the directory before them twice.
    yield "gcc DWARF 4, relative names", lambda: shop.check(
        shop.shared("gcc-relative", "gcc", "-gdwarf-4", "-ffile-prefix-map=/="))
    yield "gcc, LTO", lambda: shop.check(shop.shared("gcc-lto", "gcc", "-flto"))
    yield "gcc, LTO in one part", lambda: shop.check(
        shop.shared("gcc-lto-one", "gcc", "-flto", "-flto-partition=one"))
    yield "gcc, types in units of their own", lambda: shop.check(
        shop.shared("gcc-types", "gcc", "-fdebug-types-section"))
    if all(shutil.which(tool) for tool in ("llvm-link", "opt", "llc")):
        yield "clang, LTO", lambda: shop.check(shop.linked_by_llvm("clang-lto"))
    if shutil.which("dwz"):
        yield "gcc, dwz", lambda: shop.check(dwz(shop))


def dwz(shop):
    path = shop.shared("gcc-dwz", "gcc")
    run("dwz", path)
    return path


def main():
    missing = [t for t in ("llvm-symbolizer", "gcc", "clang", "objcopy") if not shutil.which(t)]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)}: not installed")
        return 0
    index, lookups, sample = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        cases = list(object_files(Shop(pathlib.Path(directory), sample, index, lookups)))
        print(f"1..{len(cases)}")
        for number, (name, case) in enumerate(cases, 1):
            try:
                compared = case()
                print(f"ok {number} - {name}: {compared} addresses")
            except (AssertionError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"# {error}")
                print(f"not ok {number} - {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
