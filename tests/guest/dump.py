# SPDX-License-Identifier: Apache-2.0
"""Dumps against other disassemblers, instruction by instruction, and against the kernel's words."""

import pathlib
import re
import shutil
import subprocess
import time

from disassembly import (find_bpftool, llvm_objdump, numbers_modulo, objdump, parse_listing,
                         same_text)
import harness


def dump(lbrd, target, **parameters):
    """The functions of a dump, parts put together: [CodeFunction]."""
    functions = []
    with lbrd.connect() as c:
        for part in c.stream("Dump", {"target": target, **parameters}):
            for function in part["code"]:
                if function.get("continued"):
                    functions[-1]["instructions"] += function["instructions"]
                else:
                    functions.append(function)
    return functions


def code_bytes(function):
    return bytes.fromhex("".join(i["bytes"] for i in function["instructions"]))


def image(id):
    """The machine code of a program, as the kernel gives it."""
    return subprocess.check_output([harness.BPF_TOOL, "image", str(id)])


def compare(function, reference, intel):
    code, address = code_bytes(function), int(function["address"], 16)
    harness.equal(len(code), function["size"], "bytes of all instructions")
    theirs = reference(code, address, intel)
    ours = [(int(i["address"], 16), i["text"]) for i in function["instructions"]]
    harness.equal([a for a, _ in ours], [a for a, _ in theirs], f"starts in {function['name']}")
    for (at, mine), (_, other) in zip(ours, theirs):
        assert same_text(mine, other), f"{at:#x}: {mine!r} is {other!r} to {reference.__name__}"
    return len(ours)


def compare_program(lbrd, id, reference):
    n = 0
    for syntax in ("att", "intel"):
        functions = dump(lbrd, {"programId": id}, syntax=syntax)
        harness.equal(b"".join(code_bytes(f) for f in functions), image(id),
                      "the image")
        n += sum(compare(f, reference, syntax == "intel") for f in functions)
    print(f"# {n} instructions in both syntaxes as {reference.__name__} has them")


def objects():
    yield "dump"
    yield "paths"
    yield "other"
    yield "bare"
    yield harness.BUILD / "tests" / "demo.d" / "packet-filter.bpf.o"
    if harness.kernel_version() >= (6, 2):
        yield "dump-kfunc"


def compare_all(reference):
    with harness.Lbrd() as lbrd:
        for name in objects():
            with harness.Programs(str(name)) as loaded:
                for program in loaded.values():
                    compare_program(lbrd, program.id, reference)


def test_same_as_objdump():
    compare_all(objdump)


def test_same_as_llvm_objdump():
    if not shutil.which("llvm-objdump"):
        harness.skip("no llvm-objdump")
    compare_all(llvm_objdump)


def test_same_as_bpftool():
    bpftool = find_bpftool()
    if not bpftool:
        harness.skip("bpftool has no disassembler; LBRD_BPFTOOL may name one that has")
    n = 0
    with harness.Lbrd() as lbrd:
        for name in objects():
            with harness.Programs(str(name)) as loaded:
                for program in loaded.values():
                    theirs = parse_listing(subprocess.check_output(
                        [bpftool, "prog", "dump", "jited", "id", str(program.id)], text=True))
                    ours = [(i["offset"], i["text"]) for f in dump(lbrd, {"programId": program.id})
                            for i in f["instructions"]]
                    harness.equal([offset for offset, _ in ours], [offset for offset, _ in theirs])
                    for (offset, mine), (_, other) in zip(ours, theirs):
                        assert same_text(mine, other), (program.name, offset, mine, other)
                    n += len(ours)
    print(f"# {n} instructions as bpftool has them")


def by_name(functions, name):
    return next(f for f in functions if f["name"] == name)


def called(function):
    return [i["target"]["symbol"] for i in function["instructions"]
            if i.get("kind") == "call" and "target" in i]


def test_names():
    with harness.Programs("dump") as loaded, harness.Lbrd() as lbrd:
        functions = dump(lbrd, {"programId": loaded["dump_main"].id})
        harness.equal(sorted(f["name"] for f in functions),
                      ["dump_count", "dump_main", "dump_step"])
        main = by_name(functions, "dump_main")
        calls = called(main)
        assert "dump_count" in calls and "bpf_loop" in calls or "dump_step" in calls, calls
        maps = [i["map"] for i in main["instructions"] if "map" in i]
        for wanted in ("dump.bss", "dump.data", "dump_totals", "dump_next"):
            assert any(m.startswith(wanted) for m in maps), f"{wanted} is not in {maps}"
        count = by_name(functions, "dump_count")
        harness.equal({i["map"] for i in count["instructions"] if "map" in i}, {"dump_flows"})
        assert any("htab" in name for name in called(count)), called(count)
        plain = [i for i in count["instructions"] if "0x123456789abcdef" in i["text"]]
        assert plain and "map" not in plain[0], plain
        for function in functions:
            for instruction in function["instructions"]:
                if instruction.get("kind") == "conditional":
                    target = instruction["target"]
                    harness.equal(int(target["address"], 16),
                                  int(function["address"], 16) + target["offset"])


def test_kernel_functions_by_name():
    if harness.kernel_version() < (6, 2):
        harness.skip("no kernel function that such a program could call")
    with harness.Programs("dump-kfunc") as loaded, harness.Lbrd() as lbrd:
        selector = {"programId": loaded["dump_kfunc"].id}
        harness.equal(called(dump(lbrd, selector)[0])[:2],
                      ["bpf_rcu_read_lock", "bpf_rcu_read_unlock"])
        texts = [i["text"] for i in dump(lbrd, selector, xlated=True)[0]["instructions"]]
        assert "call bpf_rcu_read_lock" in texts, texts


def test_source_lines():
    source = (harness.HERE / "dump.bpf.c").read_text().splitlines()
    with harness.Programs("dump") as loaded, harness.Lbrd() as lbrd:
        for xlated in (False, True):
            functions = dump(lbrd, {"programId": loaded["dump_main"].id}, xlated=xlated)
            lines = [i["source"] for f in functions for i in f["instructions"] if "source" in i]
            assert len(lines) > 15, lines
            for line in lines:
                assert line["file"].endswith("dump.bpf.c"), line
                harness.equal(line["text"].strip(), source[line["line"] - 1].strip())
            for function in functions:
                assert "source" in function["instructions"][0], function["name"]
        silent = dump(lbrd, {"programId": loaded["dump_main"].id}, withoutSource=True,
                      withoutBytes=True)
        assert not any("source" in i or "bytes" in i for f in silent for i in f["instructions"])


def xlated_text(text):
    """Of bpftool: "(85) call bpf_ktime_get_ns#236208" and decimal numbers."""
    text = re.sub(r"^\([0-9a-f]{2}\) ", "", text)
    text = re.sub(r"(call \w+)#-?\d+$", r"\1", text)
    text = re.sub(r"(call pc[+-]\d+)#.*$", r"\1", text)
    return numbers_modulo(text, 32)


def test_xlated_as_bpftool_has_it():
    with harness.Lbrd() as lbrd:
        for name in objects():
            with harness.Programs(str(name)) as loaded:
                for program in loaded.values():
                    theirs = harness.bpftool("prog", "dump", "xlated", "id", str(program.id))
                    ours = [i["text"] for f in dump(lbrd, {"programId": program.id}, xlated=True)
                            for i in f["instructions"]]
                    theirs = [i["disasm"] for i in theirs if "disasm" in i]
                    harness.equal([xlated_text(t) for t in ours],
                                  [xlated_text(t) for t in theirs], f"{name}: {program.name}")


def test_one_function():
    with harness.Programs("dump") as loaded, harness.Lbrd() as lbrd:
        id = loaded["dump_main"].id
        whole = dump(lbrd, {"programId": id})
        for selector in ({"programId": id, "function": "dump_count"},
                         {"programName": "dump_main", "function": "dump_count"}):
            harness.equal(dump(lbrd, selector), [by_name(whole, "dump_count")])
        inside = int(by_name(whole, "dump_count")["address"], 16) + 7
        with lbrd.connect() as c:
            at = c.call("Dump", {"address": hex(inside)})["code"][0]
        harness.equal(at["name"], "dump_count")
        harness.equal(code_bytes(at), code_bytes(by_name(whole, "dump_count")))


def kallsyms(name):
    """(address, address of the next symbol behind it)"""
    symbols = sorted((int(a, 16), n) for a, _, n in
                     (line.split()[:3] for line in open("/proc/kallsyms")))
    start = next(a for a, n in symbols if n == name)
    return start, next(a for a, _ in symbols if a > start)


def test_kernel_function():
    with harness.Lbrd() as lbrd:
        for name in ("bpf_xdp_adjust_head", "vfs_read", "schedule"):
            start, end = kallsyms(name)
            for syntax in ("att", "intel"):
                function = dump(lbrd, {"kernelFunction": name}, syntax=syntax)[0]
                harness.equal(int(function["address"], 16), start)
                assert start + function["size"] <= end
                compare(function, objdump, syntax == "intel")
            if name == "vfs_read":
                assert "rw_verify_area" in called(function), called(function)


def test_module_function():
    symbols = [line.split() for line in open("/proc/kallsyms")]
    modules = [(int(s[0], 16), s[2], s[3].strip("[]")) for s in symbols
               if len(s) > 3 and s[1] in "tT" and not s[3].startswith(("[bpf", "[__builtin"))
               and re.fullmatch(r"\w+", s[2]) and s[2] not in ("init_module", "cleanup_module")]
    names = [s[2] for s in symbols]
    start, name, module = next(s for s in modules if names.count(s[1]) == 1)
    with harness.Lbrd() as lbrd:
        for written in (name, f"{module}:{name}"):
            function = dump(lbrd, {"kernelFunction": written})[0]
            harness.equal((function["name"], function["module"], int(function["address"], 16)),
                          (name, module, start))
            n = compare(function, objdump, False)
        print(f"# {module}:{name}, {n} instructions")
        error = refused(lbrd, {"target": {"kernelFunction": f"no_module:{name}"}})
        harness.equal(error.parameters["reason"], "unknown")


def test_ambiguous_name():
    names = [line.split() for line in open("/proc/kallsyms")]
    kernel = [s[2] for s in names if len(s) == 3 and s[1] in "tT" and s[2].isidentifier()]
    counted = {}
    for name in kernel:
        counted[name] = counted.get(name, 0) + 1
    name = next(n for n, count in counted.items() if count > 1)
    with harness.Lbrd() as lbrd:
        error = refused(lbrd, {"target": {"kernelFunction": name}})
        harness.equal((error.name, error.parameters["reason"]),
                      ("io.lbrd.CodeUnavailable", "ambiguous"))


def test_kernel_function_as_it_runs():
    """Where a tracer enters, the nop of the entry has become a call."""
    with harness.Lbrd() as lbrd, lbrd.connect() as c:
        entry = dump(lbrd, {"kernelFunction": "vfs_read"})[0]["instructions"][:2]
        assert any(i["text"].startswith("nop") for i in entry), entry
        c.send("Attach", {"targets": [{"kernelFunction": "vfs_read"}]}, more=True)
        c.receive()
        entry = dump(lbrd, {"kernelFunction": "vfs_read"})[0]["instructions"][:2]
        site = next(i for i in entry if i.get("kind") in ("call", "jump"))
        assert "trampoline" in site["target"]["symbol"], site
        trampoline = dump_address(lbrd, site["target"]["address"])
        assert "vfs_read" in "".join(called(trampoline)), trampoline


def dump_address(lbrd, address):
    with lbrd.connect() as c:
        return c.call("Dump", {"address": address})["code"][0]


def refused(lbrd, parameters, more=False):
    with lbrd.connect() as c:
        try:
            c.send("Dump", parameters, more=more)
            c.receive()
        except harness.VarlinkError as error:
            return error
    raise AssertionError(f"{parameters} was not refused")


def test_unloaded_in_mid_dump():
    with harness.Lbrd() as lbrd, lbrd.connect() as c:
        process, ids = harness.hold("big")
        (id,) = ids.values()
        expected = image(id)
        c.send("Dump", {"target": {"programId": id}}, more=True)
        first = c.receive()
        assert first["continues"]
        process.kill()
        lbrd.wait_unloaded(id)
        # For the grace time it can still be asked for, but for what nobody captured.
        with lbrd.connect() as late:
            late.send("Dump", {"target": {"programId": id}}, more=True)
            again = late.receive()["parameters"]["code"][0]
        harness.equal(again["instructions"], first["parameters"]["code"][0]["instructions"])
        error = refused(lbrd, {"target": {"programId": id}, "xlated": True})
        harness.equal((error.name, error.parameters["reason"]),
                      ("io.lbrd.CodeUnavailable", "gone"))
        code, reply = b"", first
        while True:
            code += b"".join(code_bytes(f) for f in reply["parameters"]["code"])
            if not reply.get("continues"):
                break
            reply = c.receive()
        harness.equal(code, expected, "all of its code")


def wait_until(attempt):
    """Until it is not refused."""
    deadline = time.monotonic() + harness.TIMEOUT
    while True:
        try:
            return attempt()
        except harness.VarlinkError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def resident(process):
    return int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096


def test_a_megabyte():
    with harness.Lbrd() as lbrd:
        process, ids = harness.hold("big")
        with process:
            (id,) = ids.values()
            expected = image(id)
            assert len(expected) > 1 << 20, len(expected)
            error = refused(lbrd, {"target": {"programId": id}})
            harness.equal((error.name, error.parameters["name"]),
                          ("io.lbrd.LimitReached", "dumpReply"))
            with lbrd.connect() as c, lbrd.connect() as other:
                c.send("Dump", {"target": {"programId": id}}, more=True)
                parts, code, longest = 0, b"", 0
                while True:
                    begin = time.monotonic()
                    other.call("List")
                    longest = max(longest, time.monotonic() - begin)
                    reply = c.receive()
                    code += b"".join(code_bytes(f) for f in reply["parameters"]["code"])
                    parts += 1
                    if not reply.get("continues"):
                        break
            harness.equal(code, expected)
            assert parts > 100, parts
            print(f"# {len(expected)} bytes in {parts} parts; another client waited for at most "
                  f"{longest * 1000:.0f} ms")
            # Those who ask and do not read cost the code and one part each, not the whole dump.
            before = resident(lbrd)
            idle = [lbrd.connect() for _ in range(16)]
            for c in idle:
                c.send("Dump", {"target": {"programId": id}}, more=True)
            with lbrd.connect() as c:
                c.call("List")
            grown = resident(lbrd) - before
            print(f"# 16 clients that do not read: {grown >> 20} MB more")
            assert grown < 128 << 20, grown
            error = refused(lbrd, {"target": {"programId": id}}, more=True)
            harness.equal((error.name, error.parameters["name"]),
                          ("io.lbrd.LimitReached", "dumps"))
            idle.pop().socket.close()
            wait_until(lambda: dump(lbrd, {"kernelFunction": "vfs_read"}))
            # The others are still there when lbrd ends, which must not trouble it.


def test_what_lbrctl_shows():
    with harness.Programs("dump") as loaded, harness.Lbrd() as lbrd:
        id = loaded["dump_main"].id
        for arguments in (["prog", f"{id}"], ["prog", f"{id}", "--xlated"],
                          ["prog", f"{id}:dump_count", "--syntax", "intel", "--no-bytes"],
                          ["func", "vfs_read"]):
            with lbrd.lbrctl("--width", "100", "dump", *arguments, json_output=False) as ctl:
                status = ctl.wait()
                harness.equal(status, 0, ctl.error_output())
                assert all(len(line) <= 100 for line in ctl.lines), ctl.lines
                assert len(ctl.lines) > 10, ctl.lines
                for line in ctl.lines[:12] if arguments[0] == "prog" else []:
                    print("#", line)


def test_refusals():
    with harness.Lbrd() as lbrd:
        for parameters, name, reason in (
                ({"target": {"kernelFunction": "no_such_function"}}, "CodeUnavailable", "unknown"),
                ({"address": "0x1234"}, "CodeUnavailable", "unknown"),
                ({"target": {"programId": 999999}}, "TargetsRefused", "noSuchProgram")):
            error = refused(lbrd, parameters)
            harness.equal(error.name, f"io.lbrd.{name}")
            failure = error.parameters.get("failures", [error.parameters])[0]
            harness.equal(failure["reason"], reason)
            assert failure["message"] and failure["hint"], failure
        for parameters, wrong in (({}, "target"), ({"address": "12"}, "address"),
                                  ({"address": "0x1", "target": {"programId": 1}}, "address"),
                                  ({"target": {"kernelFunction": "a"}, "xlated": True}, "xlated"),
                                  ({"target": {}}, "target")):
            error = refused(lbrd, parameters)
            harness.equal(error.parameters, {"parameter": wrong})


if __name__ == "__main__":
    harness.main(globals())
