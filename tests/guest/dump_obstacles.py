# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a dump or a path is named, with the sysctl or the capability."""

import pathlib
import shutil
import subprocess
import tempfile

import harness
import paths
from dump import by_name, code_bytes, compare, dump, image, refused, wait_until
from disassembly import objdump

LOCKDOWN = pathlib.Path("/sys/kernel/security/lockdown")


def test_hidden_code():
    with harness.Programs("dump") as loaded, harness.sysctl("kernel/kptr_restrict", 2), \
            harness.Lbrd() as lbrd:
        error = refused(lbrd, {"target": {"programId": loaded["dump_main"].id}})
        harness.equal((error.name, error.parameters["reason"]),
                      ("io.lbrd.CodeUnavailable", "hidden"))
        assert "kptr_restrict" in error.parameters["hint"], error


def test_hidden_addresses():
    """Of kernel functions nothing is known then; as soon as they are shown, they can be dumped."""
    with harness.sysctl("kernel/kptr_restrict", 2), harness.Lbrd() as lbrd:
        for parameters in ({"target": {"kernelFunction": "vfs_read"}},
                           {"address": "0xffffffff81234567"}):
            error = refused(lbrd, parameters)
            harness.equal((error.name, error.parameters["reason"]),
                          ("io.lbrd.CodeUnavailable", "hidden"))
            assert "kptr_restrict" in error.parameters["message"], error
            assert "CAP_SYSLOG" in error.parameters["hint"], error
        with harness.sysctl("kernel/kptr_restrict", 0):
            assert wait_until(lambda: dump(lbrd, {"kernelFunction": "vfs_read"}))


def test_blinded_code():
    """Constants are taken apart: the code is shown as it is, and no map gets a wrong name."""
    with harness.sysctl("net/core/bpf_jit_harden", 2), harness.Programs("dump") as loaded, \
            harness.Lbrd() as lbrd:
        id = loaded["dump_main"].id
        functions = dump(lbrd, {"programId": id})
        harness.equal(b"".join(code_bytes(f) for f in functions), image(id))
        for function in functions:
            compare(function, objdump, False)
        for i in by_name(functions, "dump_count")["instructions"]:
            harness.equal(i.get("map", "dump_flows"), "dump_flows")


def test_unreadable_kernel():
    """Without CAP_SYS_RAWIO."""
    run = ["setpriv", "--bounding-set", "-sys_rawio", "--inh-caps", "-sys_rawio"]
    if not shutil.which("setpriv"):
        harness.skip("no setpriv")
    lbrd_path = harness.LBRD
    with tempfile.TemporaryDirectory() as directory:
        wrapper = pathlib.Path(directory, "lbrd")
        wrapper.write_text(f"#!/bin/sh\nexec {' '.join(run)} {lbrd_path} \"$@\"\n")
        wrapper.chmod(0o755)
        harness.LBRD = wrapper
        try:
            with harness.Lbrd() as lbrd:
                error = refused(lbrd, {"target": {"kernelFunction": "vfs_read"}})
        finally:
            harness.LBRD = lbrd_path
    harness.equal((error.name, error.parameters["reason"]),
                  ("io.lbrd.CodeUnavailable", "privilege"))
    assert "CAP_SYS_RAWIO" in error.parameters["hint"], error


def test_interpreted_program():
    """It has BPF instructions only."""
    try:
        with harness.sysctl("net/core/bpf_jit_enable", 0), harness.Programs("paths") as loaded, \
                harness.Lbrd() as lbrd:
            id = loaded["paths"].id
            harness.equal(loaded["paths"].run(paths.ALL[0].data)["returnValue"],
                          paths.ALL[0].returns)
            error = refused(lbrd, {"target": {"programId": id}})
            harness.equal((error.name, error.parameters["reason"]),
                          ("io.lbrd.CodeUnavailable", "notCompiled"))
            assert "bpf_jit_enable" in error.parameters["hint"], error
            functions = dump(lbrd, {"programId": id}, xlated=True)
            assert any(i["text"] == "exit" for i in functions[0]["instructions"]), functions
    except OSError:
        harness.skip("this kernel has CONFIG_BPF_JIT_ALWAYS_ON: nothing is interpreted")


def test_lockdown():
    """The last one: there is no way back."""
    if not LOCKDOWN.exists():
        subprocess.run(["mount", "-t", "securityfs", "none", "/sys/kernel/security"], check=False)
    if not LOCKDOWN.exists():
        harness.skip("this kernel cannot be locked down")
    with harness.Programs("dump") as loaded:
        LOCKDOWN.write_text("confidentiality")
        with harness.Lbrd() as lbrd:
            error = refused(lbrd, {"target": {"kernelFunction": "vfs_read"}})
            harness.equal((error.name, error.parameters["reason"]),
                          ("io.lbrd.CodeUnavailable", "lockdown"))
            assert "lockdown" in error.parameters["hint"], error
            id = loaded["dump_main"].id
            harness.equal(by_name(dump(lbrd, {"programId": id}), "dump_main")["programId"], id)


harness.main(globals())
