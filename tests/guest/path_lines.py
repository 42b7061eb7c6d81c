# SPDX-License-Identifier: Apache-2.0
"""Views and dumps with the source lines of the kernel and of a module: file, line, what is inlined,
and the text where a source tree is given. Run by the script `lines`."""

import pathlib
import tempfile

import harness
from lines_scene import (ENTRY, FILES, HAS_DEBUG_PACKAGE, MADE_UP, MODULE, Scene,
                         cache_with_kernel, made_index, make_vmlinux, reaches_back)

def next_path(scene, view, **parameters):
    """The path of a run that no interrupt fell into and that has the module's entry in it."""
    with scene.lbrd.connect() as connection:
        stream = connection.stream("Attach", {
            "targets": [{"programId": scene.program.id}], "view": view, **parameters})
        next(stream)
        events = (reply["event"] for reply in stream if "event" in reply)
        return harness.undisturbed(lambda: scene.module.run(scene.program), lambda: next(events),
                                   reaches_back)[1]["path"]


def of_symbol(path, name):
    """Runs in a function, whatever the compiler put behind its name."""
    return [step for step in path if step.get("symbol", "").split(".")[0] == name
            and "gap" not in step]


def lines_of(path, name):
    return [line for step in of_symbol(path, name) for line in step["lines"]]


def instructions_of(path, name):
    return [i for step in of_symbol(path, name) for i in step["instructions"]]


def check_module_lines(scene, found):
    """[(line, inlined functions)] as they were executed."""
    line = scene.module.lines
    inner = (line["innermost"], ["innermost", "inner"])
    assert inner in found, found
    assert found.index(inner) < found.index((line["kernel"], [])), found
    assert any("bpf_prog_run" in names for _, names in found), found


def full_name(name):
    """With what the compiler put behind it."""
    names = [line.split()[2] for line in pathlib.Path("/proc/kallsyms").read_text().splitlines()]
    return next(n for n in names if n.split(".")[0] == name)


def dumped(scene, name):
    with scene.lbrd.connect() as c:
        code = c.call("Dump", {"target": {"kernelFunction": full_name(name)}})["code"]
    return [i for function in code for i in function["instructions"]]


def inlined(source):
    return [frame["function"] for frame in source.get("inlined", [])]


def test_source_view():
    with Scene(cache=cache_with_kernel()) as scene:
        scene.wait_ready()
        path = next_path(scene, "source")
        lines = lines_of(path, ENTRY)
        source = str(scene.module.source)
        assert all("line" in line for line in lines), lines
        markers = scene.module.lines
        at = [(line["line"], line.get("function"), line.get("decisions")) for line in lines
              if line["file"] == source]
        innermost = next(i for i in at if i[0] == markers["innermost"] and i[2])
        harness.equal(innermost[1], "innermost")
        assert (markers["kernel"], None, None) in at, at
        kernel = lines_of(path, "int_sqrt")
        assert kernel and all(line["line"] for line in kernel), kernel
        file = "lib/math/int_sqrt.c" if HAS_DEBUG_PACKAGE else MADE_UP
        assert any(line["file"].endswith(file) for line in kernel), kernel


def test_instructions_view_and_dump():
    with Scene(cache=cache_with_kernel()) as scene:
        scene.wait_ready()
        path = next_path(scene, "instructions")
        for name in (ENTRY, "int_sqrt"):
            known = {i["address"]: i for i in dumped(scene, name)}
            seen = instructions_of(path, name)
            sources = [i["source"] for i in seen if "source" in i]
            assert sources and any("source" in i for i in known.values()), seen
            for i in seen:
                if "source" in i and "source" in known[i["address"]]:
                    harness.equal(i["source"], known[i["address"]]["source"])
            if name == ENTRY:
                for found in (sources, [i["source"] for i in known.values() if "source" in i]):
                    check_module_lines(scene, [(s["line"], inlined(s)) for s in found])


def test_lines_come_with_the_index():
    """What was cached without lines is made anew when the index arrives."""
    copied = made_index()
    with Scene() as scene:
        scene.lose_debug_information()
        for _ in range(2):
            assert not any("file" in line for line in
                           lines_of(next_path(scene, "source"), ENTRY))
            assert not any("source" in i for i in
                           instructions_of(next_path(scene, "instructions"), ENTRY))
        assert not any("source" in i for i in dumped(scene, ENTRY))
        scene.path().write_bytes(copied)
        scene.wait_index(MODULE, "ready")
        assert all("file" in line for line in lines_of(next_path(scene, "source"), ENTRY))
        assert any("source" in i for i in
                   instructions_of(next_path(scene, "instructions"), ENTRY))
        assert any("source" in i for i in dumped(scene, ENTRY))


def shown(scene, *arguments):
    with scene.lbrd.lbrctl("--width", "100", *arguments, json_output=False) as ctl, \
            scene.lbrd.connect() as control:
        if arguments[0] == "attach":
            # The scene has one of its own.
            harness.wait_until(lambda: len(control.call("List")["attachments"]) == 2,
                               "lbrctl does not attach", ctl)
            scene.module.run(scene.program)
        harness.equal(ctl.wait(), 0, ctl.error_output())
        assert all(len(line) <= 100 for line in ctl.lines), ctl.lines
        return ctl.lines


def shown_undisturbed(scene, *arguments):
    """What lbrctl shows of a run that no interrupt fell into, which another observer sees to."""
    with scene.lbrd.connect() as connection:
        stream = connection.stream("Watch")
        next(stream)
        events = (reply["event"] for reply in stream if "event" in reply)
        return harness.undisturbed(lambda: shown(scene, *arguments), lambda: next(events),
                                   reaches_back)[0]


def text_of(scene, marker):
    return scene.module.source.read_text().splitlines()[scene.module.lines[marker] - 1].strip()


def test_source_tree():
    """lbrctl reads the text; one that fits only by the end of its name, too."""
    with Scene(cache=cache_with_kernel()) as scene, \
            tempfile.TemporaryDirectory() as elsewhere:
        scene.wait_ready()
        wanted, name = text_of(scene, "kernel"), f"{MODULE}:{full_name(ENTRY)}"
        pathlib.Path(elsewhere, scene.module.source.name).write_bytes(
            scene.module.source.read_bytes())
        for tree in (FILES, elsewhere):
            lines = shown(scene, "dump", "func", name, "--source-tree", tree)
            assert any(line.startswith("; ") and wanted in line for line in lines), lines
        lines = shown(scene, "dump", "func", name)
        assert not any(wanted in line for line in lines), lines
        for view in ("source", "insns"):
            lines = shown_undisturbed(scene, "attach", "prog", scene.program.id, "--limit", "1",
                                      "--view", view, "--source-tree", elsewhere)
            print("\n".join(f"# {line}" for line in lines))
            assert any(text_of(scene, "call") in line for line in lines), lines


if __name__ == "__main__":
    make_vmlinux()
    harness.main(globals())
