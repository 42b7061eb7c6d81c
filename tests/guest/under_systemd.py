# SPDX-License-Identifier: Apache-2.0
"""lbrd as systemd's service, with the real systemd as the machine's first process: it has hardly
any privileges left, and all that it can do it still can. Run by the script `lines`, which builds a
module with debug information."""

import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import harness
import lines
import lines_scene
import paths
import service

CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_SYS_ADMIN": 21, "CAP_SYSLOG": 34,
                "CAP_PERFMON": 38, "CAP_BPF": 39}
CACHE = "/var/cache/lbrd"
EXPOSURE = 2.0  # of 10, as systemd-analyze weighs it; less is better


def status_of(lbrd):
    text = pathlib.Path("/proc", lbrd.property("MainPID"), "status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_it_has_only_what_it_needs():
    with service.Service() as lbrd:
        harness.equal(pathlib.Path("/proc/1/comm").read_text(), "systemd\n")
        status = status_of(lbrd)
        user = pwd.getpwnam("_lbrd")
        harness.equal(status["Uid"].split(), 4 * [str(user.pw_uid)])
        harness.equal(status["Gid"].split(), 4 * [str(user.pw_gid)])
        wanted = sum(1 << bit for bit in CAPABILITIES.values())
        for name in ("CapEff", "CapPrm", "CapBnd"):
            harness.equal(hex(int(status[name], 16)), hex(wanted), name)
        harness.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        process = pathlib.Path("/proc", lbrd.property("MainPID"))
        for namespace in ("net", "mnt"):
            assert (process / "ns" / namespace).readlink() != \
                pathlib.Path("/proc/1/ns", namespace).readlink(), namespace
        harness.equal((process / "net/dev").read_text().count(":"), 1, "network devices but lo")


def test_systemd_says_so():
    with service.Service() as lbrd:
        unit = service.UNITS / "lbrd.service"
        text = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes",
                               f"--threshold={EXPOSURE * 10:.0f}", unit.resolve()],
                              capture_output=True, text=True)
        exposure = re.search(r"exposure level for lbrd.service: ([0-9.]+)", text.stdout)
        assert exposure, text
        print(f"# exposure {exposure[1]}")
        assert text.returncode == 0 and float(exposure[1]) <= EXPOSURE, text.stdout


def one_event(lbrd, target, run, *options):
    """An event of an attachment that no interrupt fell into."""
    with lbrd.lbrctl("attach", *target, *options) as ctl:
        ctl.wait_for(lambda line: "attachment" in line)
        _, event = harness.undisturbed(
            run, lambda: ctl.wait_for(lambda line: "event" in line)["event"])
        ctl.send_signal(signal.SIGINT)
        harness.equal(ctl.wait(), 0, f"attach {target}: {ctl.error_output()}")
    return event


def test_what_it_does_without():
    """Every feature: nothing is refused, and nothing less is told."""
    path = paths.ALL[0]
    with service.Service() as lbrd, harness.Programs("paths") as loaded, lbrd.connect() as c:
        program = loaded["paths"]
        description = c.call("Describe")
        for ability in ("branchRecords", "tracing", "addresses"):
            assert description[ability], f"{ability}: {description}"
        assert all(f["available"] for f in description["features"]), description["features"]
        assert next(p for p in c.call("Programs")["programs"] if p["id"] == program.id)["traceable"]

        event = one_event(lbrd, ("prog", str(program.id)), lambda: program.run(path.data))
        harness.equal(event["returnValue"], path.returns)
        assert any(b["from"].get("file", "").endswith("paths.bpf.c") for b in event["branches"])
        calling = next(p for p in paths.ALL if p.sub_returns is not None)
        event = one_event(lbrd, ("prog", "paths:paths_sub"), lambda: program.run(calling.data))
        harness.equal(event["returnValue"], calling.sub_returns)
        event = one_event(lbrd, ("func", "bpf_prog_test_run_xdp"),
                          lambda: program.run(path.data), "--view", "insns")
        steps = [s for s in event["path"] if s.get("symbol") == "bpf_prog_test_run_xdp"]
        assert any("instructions" in s for s in steps), f"kernel code is not shown: {steps}"

        for target in ({"programPath": program.pin}, {"programTag": program.tag},
                       {"allPrograms": True}):
            reply = c.call("Attach", {"targets": [target], "partial": True, "persistent": True})
            assert any(t["programId"] == program.id for t in reply["attachment"]["targets"]), reply
        harness.equal(len(c.call("List")["attachments"]), 3)
        with lbrd.connect() as watching:
            stream = watching.stream("Watch")
            harness.equal(next(stream)["ready"], True)
            program.run(path.data)
            harness.equal(len(next(stream)["event"]["attachments"]), 3)
        harness.equal(len(c.call("Detach", {"all": True})["detached"]), 3)

        for parameters in ({"target": {"programId": program.id}},
                           {"target": {"programId": program.id}, "xlated": True},
                           {"target": {"kernelFunction": "bpf_prog_test_run_xdp"}}):
            assert c.call("Dump", parameters)["code"][0]["instructions"], parameters
    harness.assert_no_tracers()


def test_programs_of_a_process_that_is_not_its_own():
    with service.Service() as lbrd, lbrd.connect() as c:
        process, ids = harness.hold("paths")
        with process:
            reply = c.call("Attach", {"targets": [{"ownerProcessId": process.pid}]})
            harness.equal([t["programId"] for t in reply["attachment"]["targets"]],
                          list(ids.values()))


def test_lines_are_read_by_a_process_with_nothing():
    """The index of a module that is loaded while lbrd runs, built from its debug information."""
    with service.Service() as lbrd, lines_scene.Scene(cache=CACHE, lbrd=lbrd) as scene:
        scene.run()
        scene.wait_index(lines_scene.MODULE, "ready")
        lines.check_module(scene, scene.run())
        harness.equal(scene.path().owner(), "_lbrd")


def index_of_stripped_module(settings):
    """What becomes of it in a service with these settings, and of the lines in an event."""
    shutil.rmtree(CACHE, ignore_errors=True)
    with service.Service(settings) as lbrd, lines_scene.Scene(cache=CACHE, lbrd=lbrd) as scene:
        scene.module.strip()
        scene.run()
        index = scene.wait_index(lines_scene.MODULE, "ready", "absent", "failed")
        lines.check_module(scene, scene.run(), lines=index["state"] == "ready")
        return index


def documented_settings(url):
    """What the manual page says to give the service, with another server."""
    page = (harness.HERE.parents[1] / "docs" / "lbrd.8").read_text()
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page, re.DOTALL | re.MULTILINE)
    settings = next(block for block in blocks if "DEBUGINFOD_URLS=" in block)
    return re.sub(r"DEBUGINFOD_URLS=.*", f"DEBUGINFOD_URLS={url}", settings)


def test_a_debuginfod_is_asked_when_there_is_a_network():
    lines.copy_debuginfod_find("/usr/local/bin")
    with lines.serve_module() as server:
        index = index_of_stripped_module(f"[Service]\nEnvironment=DEBUGINFOD_URLS={server.url}")
        harness.equal((index["state"], server.asked), ("absent", []), index)
        assert "nor could debuginfod-find get it" in index["message"], index
        index = index_of_stripped_module(documented_settings(server.url))
        harness.equal(index["state"], "ready", index)
        assert f"{CACHE}/debuginfod" in index["message"], index
        server.shutdown()


def test_without_the_code_of_the_kernel():
    """Where /proc/kcore cannot be opened, lbrd starts without, and says what it cannot show."""
    with service.Service("[Service]\nStandardInput=null") as lbrd, \
            harness.Programs("paths") as loaded, lbrd.connect() as c:
        assert c.call("Dump", {"target": {"programId": loaded["paths"].id}})["code"]
        try:
            c.call("Dump", {"target": {"kernelFunction": "bpf_prog_test_run_xdp"}})
            raise AssertionError("lbrd can open /proc/kcore itself")
        except harness.VarlinkError as error:
            harness.equal((error.name, error.parameters["reason"]),
                          ("io.lbrd.CodeUnavailable", "privilege"))


def test_reload():
    with service.Service() as lbrd, lbrd.connect() as c:
        policy = pathlib.Path(c.call("Describe")["policyFile"])
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text("allow observe everyone\n")
        lbrd.systemctl("reload", "lbrd.service")
        while "is in force" not in lbrd.journal():
            c.call("List")
        lbrd.connect("_lbrd").call("List")
        policy.write_text("allow observe nobody\n")
        lbrd.systemctl("reload", "lbrd.service")
        while "line 1" not in lbrd.journal():
            c.call("List")
        assert "line 1" in c.call("Describe")["policyProblem"]
        policy.unlink()


harness.main(globals())
