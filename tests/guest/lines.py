# SPDX-License-Identifier: Apache-2.0
"""Source lines of the kernel, of a module and of a BPF program in one record, and how the indices
that they come from are made, kept, replaced and refused.

Run by the script `lines`, which builds the module. The kernel's index is that of its debug package
where there is one; else that of a made-up vmlinux, which has nothing but int_sqrt(), one line for
each byte."""

import errno
import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import harness
from lines_scene import (ENTRY, FILES, HAS_DEBUG_PACKAGE, MADE_UP, MODULE, Module,
                         PROGRAM_LINES, Scene, UNREAD, UPDATES, cache_with_kernel, kallsyms,
                         made_index, make_vmlinux, stopped)


def inlined(location):
    return [(f["function"], f.get("line")) for f in location.get("inlined", [])]


def module_ends(event):
    """Ends of branches in the module's entry: (line, inlined), oldest first."""
    ends = [end for b in reversed(event["branches"]) for end in (b["from"], b["to"])]
    return [end for end in ends if end.get("symbol", "").startswith(ENTRY)]


def check_module(scene, event, lines=True):
    ends = module_ends(event)
    assert all(end["module"] == MODULE for end in ends), ends
    if not lines:
        assert ends and not any("file" in end for end in ends), ends
        return
    line = scene.module.lines
    assert all("line" in end for end in ends), ends
    assert any(inlined(end)[:1] for end in ends), ends
    jump = next(i for i, end in enumerate(ends) if inlined(end)[:1] and
                inlined(end)[0][0] == "innermost")
    harness.equal((ends[jump]["line"], inlined(ends[jump])),
                  (line["outer"], [("innermost", line["innermost"]), ("inner", line["inner"])]))
    harness.equal(ends[jump]["file"], str(scene.module.source))
    harness.equal(ends[jump]["inlined"][0]["file"], str(scene.module.source))
    # Where it jumps to, from where int_sqrt is called, and where that returns to: another
    # function of a header, inlined at the call of the program.
    harness.equal([(e["line"], inlined(e)) for e in ends[jump + 1:jump + 3]],
                  2 * [(line["kernel"], [])])
    back = ends[jump + 3]
    harness.equal((back["line"], back["inlined"][-1]["function"]),
                  (line["program"], "bpf_prog_run"))
    assert back["inlined"][0]["file"].endswith(".h"), back


def check_kernel(event, lines=True):
    ends = [end for b in event["branches"] for end in (b["from"], b["to"])
            if end.get("symbol") == "int_sqrt"]
    assert len(ends) >= 2, event["branches"]
    for end in ends:
        if not lines:
            assert "file" not in end, end
        elif not HAS_DEBUG_PACKAGE:
            assert end["file"] == MADE_UP or end["file"].endswith(f"/{MADE_UP}"), end
            harness.equal(end["line"], 1000 + end["offset"])
        else:
            assert end["file"].endswith("lib/math/int_sqrt.c") and end["line"], end


def check_program(event):
    oldest_first = list(reversed(event["branches"]))
    ends = [(b["from"].get("line"), b["to"].get("line")) for b in oldest_first
            if b["from"].get("file", "").endswith("lines.bpf.c")]
    harness.equal(ends[0], (PROGRAM_LINES["branch"], PROGRAM_LINES["end"]))
    harness.equal(ends[1][0], PROGRAM_LINES["exit"])


def check_mapping(scene):
    """lbrd reads the index where it lies, and knows nothing of the format it was made from."""
    maps = pathlib.Path(f"/proc/{scene.lbrd.pid}/maps").read_text()
    harness.equal([line.split()[1] for line in maps.splitlines() if str(scene.path()) in line],
                  ["r--s"])
    assert "libdw" not in maps, maps


def test_one_record_with_all_three():
    with Scene(cache=cache_with_kernel()) as scene:
        scene.wait_ready()
        event = scene.run()
        check_module(scene, event)
        check_kernel(event)
        check_program(event)
        check_mapping(scene)
        assert 0 < scene.index(MODULE)["size"] == scene.path().stat().st_size
        assert str(UPDATES / f"{MODULE}.ko") in scene.index(MODULE)["message"]
    harness.assert_no_tracers()


def test_the_terminal_is_told_once():
    with Scene() as scene:
        with scene.lbrd.lbrctl("attach", "prog", str(scene.program.id), "--limit", "2",
                               json_output=False) as ctl:
            scene.wait_ready()
            scene.run()
            harness.equal(ctl.wait(), 0, "exit status")
            shown = "\n".join(ctl.lines)
        said = scene.ctl.lines
        harness.equal(sum('"building"' in line and '"percent":0' in line and
                          f'"{MODULE}"' in line for line in said), 1)
        assert "lbrd_lines_run" in shown, shown
        with scene.lbrd.lbrctl("status", json_output=False) as status:
            harness.equal(status.wait(), 0)
            assert any(f"{MODULE}: ready" in line for line in status.lines), status.lines


def test_a_record_outlives_its_module():
    """It was captured before the module went, and is read afterwards."""
    with Scene(cache=cache_with_kernel()) as scene:
        scene.wait_ready()
        check_module(scene, scene.run())
        first = scene.module
        with stopped(scene.lbrd):
            for _ in range(UNREAD):
                first.run(scene.program)
            first.__exit__()
        event = scene.next_whole(UNREAD)
        check_module(scene, event)
        check_kernel(event)
        check_program(event)
        # When another one may have come in its place, it has its own name and lines, or none.
        scene.module = first = Module("first")
        scene.wait_ready()
        check_module(scene, scene.run())
        with stopped(scene.lbrd):
            for _ in range(UNREAD):
                first.run(scene.program)
            first.__exit__()
            scene.module = Module("second")
        for _ in range(UNREAD):
            event = scene.ctl.wait_for(lambda line: "event" in line)["event"]
            for end in module_ends(event):
                assert "line" not in end or end["line"] in first.range(), end
        assert scene.run()


def test_a_record_outlives_its_program():
    with Scene(cache=cache_with_kernel()) as scene:
        scene.wait_ready()
        # What the module calls next, by the name that this kernel has for it.
        function = next(iter(kallsyms("kfree_skb_reason", "sk_skb_reason_drop")))
        with scene.lbrd.lbrctl("attach", "--entry", "--pid", str(os.getpid()), "func",
                               function) as ctl, harness.Programs("lines") as loaded:
            ctl.wait_for(lambda line: "attachment" in line)
            id = loaded["lines"].id
            with stopped(scene.lbrd):
                for _ in range(UNREAD):
                    scene.module.run(loaded["lines"])
                loaded.unload()
                harness.wait_until(lambda: not harness.is_loaded(id), f"program {id} is still there")
            _, event = harness.undisturbed(
                lambda: None, lambda: ctl.wait_for(lambda line: "event" in line)["event"],
                lambda event: harness.enters(event, "lines"), attempts=UNREAD)
            check_program(event)
            assert all("line" in end for end in module_ends(event)), event


def test_a_module_comes_back_as_another():
    """At other addresses, with other lines, under the same name; and then as it was."""
    with Scene() as scene:
        scene.wait_ready()
        check_module(scene, scene.run())
        for build, suffix in (("second", ".xz"), ("first", "")):
            scene.module.__exit__()
            subprocess.check_call(["modprobe", "dummy"])  # takes the place, perhaps
            gone = set(scene.module.lines.values())
            scene.module = Module(build, suffix)
            deadline = time.monotonic() + harness.TIMEOUT
            while True:
                event = scene.run()
                lines = [end.get("line") for end in module_ends(event)]
                assert not {line for line in lines if line} & gone, f"stale: {lines}"
                if None not in lines:
                    break
                assert time.monotonic() < deadline, module_ends(event)
                time.sleep(0.2)  # so that the builder gets its share
            check_module(scene, event)
            subprocess.check_call(["rmmod", "dummy"])


def spoil(path, how):
    data = bytearray(path.read_bytes())
    if how == "truncated":
        data = data[:len(data) // 2]
    elif how == "changed":
        for i in range(64, len(data)):
            data[i] ^= 0x55
    elif how == "empty":
        data = b""
    path.write_bytes(data)


def test_a_spoilt_index_is_refused_and_built_again():
    cache = pathlib.Path(tempfile.mkdtemp(prefix="cache-"))
    with Scene(cache=cache) as scene:
        scene.wait_ready()
    good = scene.path().read_bytes()
    for how in ("truncated", "changed", "empty"):
        spoil(scene.path(), how)
        with Scene(cache=cache) as scene:
            scene.wait_ready()
            assert f"{scene.module.id}.v2.lines is not used" in scene.lbrd.error_output()
            check_module(scene, scene.run())
            harness.equal(scene.path().read_bytes(), good, f"the index after being {how}")


def test_an_index_of_something_else_is_refused():
    cache = pathlib.Path(tempfile.mkdtemp(prefix="cache-"))
    with Scene("second", cache=cache) as scene:
        scene.wait_ready()
        foreign = scene.path()
    with Scene(cache=cache) as scene:
        shutil.copy(foreign, scene.path())
        scene.wait_ready()
        check_module(scene, scene.run())
        assert "is not used" in scene.lbrd.error_output()


def test_an_index_is_replaced_while_it_is_in_use():
    with Scene() as scene:
        scene.wait_ready()
        check_module(scene, scene.run())
        good = scene.path().read_bytes()
        # Cut off in place: the mapping has no pages any more.
        scene.path().write_bytes(b"")
        deadline = time.monotonic() + harness.TIMEOUT
        while scene.path().read_bytes() != good:
            scene.run()
            assert time.monotonic() < deadline, scene.index(MODULE)
            time.sleep(0.2)  # so that the builder gets its share
        scene.wait_index(MODULE, "ready")
        check_module(scene, scene.run())
        # Another file by rename, as mv and install do it.
        new = scene.cache / "new"
        new.write_bytes(good)
        new.rename(scene.path())
        check_module(scene, scene.run())


def test_a_copied_index_serves_without_debug_information():
    copied = made_index()
    with Scene() as scene:
        scene.lose_debug_information()
        check_module(scene, scene.run(), lines=False)
        # It is taken in when it comes.
        scene.path().write_bytes(copied)
        scene.wait_index(MODULE, "ready")
        check_module(scene, scene.run())


def test_debuginfod_is_asked_when_it_is_configured():
    find = make_program("debuginfod-find", f'[ "$1" = debuginfo ] && id -u >&2 && echo '
                        f'"$(dirname "$0")/$2"')
    environment = {"PATH": f"{find.parent}:{os.environ['PATH']}", "DEBUGINFOD_URLS": "http://x"}
    with Scene(environment=environment) as scene:
        for installed in UPDATES.glob(f"{MODULE}.ko*"):
            shutil.move(installed, find.parent / scene.module.id)
        scene.run()
        index = scene.wait_index(MODULE, "ready", "absent", "failed")
        harness.equal((index["state"], index["message"]),
                      ("ready", f"From {find.parent / scene.module.id}."))
        check_module(scene, scene.run())


class DebuginfodServer(http.server.ThreadingHTTPServer):
    """Has one file. Answers as debuginfod does, to requests of this machine only."""

    def __init__(self, id, path):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.place, self.content, self.asked = f"/buildid/{id}/debuginfo", path.read_bytes(), []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == self.server.place
            self.server.asked.append(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(self.server.content) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(self.server.content)

        def log_message(self, *arguments):
            pass


def serve_module():
    """A debuginfod that has the first build of the module."""
    module = FILES / "first" / f"{MODULE}.ko"
    notes = subprocess.check_output(["readelf", "-n", module], text=True)
    return DebuginfodServer(notes.split("Build ID:")[1].split()[0], module)


def copy_debuginfod_find(directory):
    fetched = pathlib.Path(os.environ["LBRD_DEBUGINFOD"], "debuginfod-find")
    if not fetched.exists():
        harness.skip("debuginfod-find could not be fetched")
    shutil.copy(fetched, directory)


def test_debug_information_comes_over_http():
    """Where the machine has the module, but stripped, as distributions have it."""
    find = make_program("debuginfod-find", "").parent  # where nobody may run it
    copy_debuginfod_find(find)
    with serve_module() as server:
        environment = {"PATH": f"{find}:{os.environ['PATH']}", "DEBUGINFOD_URLS": server.url}
        with Scene(environment=environment) as scene:
            scene.module.strip()
            scene.run()
            index = scene.wait_index(MODULE, "ready", "absent", "failed")
            harness.equal(index["state"], "ready", index)
            assert str(scene.cache / "debuginfod") in index["message"], index
            harness.equal(server.asked.count(server.place), 1)  # others are asked for, too
            check_module(scene, scene.run())
        server.shutdown()


def make_program(name, text):
    path = pathlib.Path(tempfile.mkdtemp(prefix="program-"))
    path.chmod(0o755)
    path = path / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_builder_that_is_killed_or_crashes():
    crash = make_program("lbrd-index", "echo from x; echo 7; kill -SEGV $$")
    with Scene(builder=crash) as scene:
        index = scene.wait_index("vmlinux", "failed")
        assert "signal 11" in index["message"], index
        check_program(scene.run())
        check_module(scene, scene.run(), lines=False)
    hang = make_program("lbrd-index", "echo from x; echo 7; echo $$ >&2; exec sleep 1000")
    with Scene(builder=hang) as scene:
        scene.wait_index("vmlinux", "building")
        scene.wait_percent("vmlinux", 7)
        children = pathlib.Path(f"/proc/{scene.lbrd.pid}/task/{scene.lbrd.pid}/children")
        builder = int(children.read_text().split()[0])
        check_unprivileged(builder)
        # Events go on meanwhile.
        event = scene.run()
        check_program(event)
        check_kernel(event, lines=False)
        os.kill(builder, signal.SIGKILL)
        index = scene.wait_index("vmlinux", "failed")
        assert "signal 9" in index["message"], index
    # The other one's builder ran when lbrd was told to end.
    harness.wait_until(lambda: not subprocess.run(["pgrep", "-x", "sleep"],
                                                  capture_output=True).stdout,
                       "a builder is left behind")


def test_a_full_disk_costs_only_lines():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cache-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], check=True)
    try:
        with open(directory / "other", "wb", buffering=0) as other:
            while True:
                other.write(bytes(4096))
    except OSError as error:
        harness.equal(error.errno, errno.ENOSPC)
    with Scene(cache=directory) as scene:
        index = scene.wait_index("vmlinux", "ready", "failed")
        harness.equal(index["state"], "failed")
        assert "No space left" in index["message"], index
        event = scene.run()
        check_program(event)
        check_module(scene, event, lines=False)
    harness.equal(os.listdir(directory), ["other"], "files left behind")
    subprocess.run(["umount", directory], check=True)


def check_unprivileged(pid):
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    for sets in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        harness.equal(int(status[sets], 16), 0, sets)
    harness.equal(status["Uid"].split(), 4 * ["65534"], "user")
    harness.equal(status["Gid"].split(), 4 * ["65534"], "group")
    harness.equal(status["Groups"].split(), [], "groups")
    harness.equal(status["NoNewPrivs"], "1")
    harness.equal(os.getpriority(os.PRIO_PROCESS, pid), 19, "niceness")
    harness.equal(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text(), "1000\n")
    harness.equal(os.sched_getscheduler(pid), os.SCHED_BATCH, "scheduler")
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"), "network"
    links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert not any(link.startswith(("socket:", "anon_inode:")) for link in links), links


if __name__ == "__main__":
    make_vmlinux()
    harness.main(globals())
