# SPDX-License-Identifier: Apache-2.0
"""What cannot be done is refused with the reason and the next step, and a status that tells."""

import harness

REFUSED = 1
UNREACHABLE = 3


def refused(lbrd, *arguments, env=None):
    """Runs lbrctl attach, which must fail; what it says to a user."""
    with lbrd.lbrctl("attach", *arguments, json_output=False, env=env) as ctl:
        status = ctl.wait()
        said = ctl.error_output()
    harness.equal(status, REFUSED, f"exit status of attach {' '.join(arguments)}; it said: {said}")
    assert "hint: " in said or "Hint: " in said, f"no next step in: {said}"
    harness.assert_no_tracers()
    return said


def failure(lbrd, selector, **options):
    """The one failure of an Attach with this selector."""
    with lbrd.connect() as c:
        try:
            reply = c.call("Attach", {"targets": [selector], **options})
        except harness.VarlinkError as error:
            harness.equal(error.name, "io.lbrd.TargetsRefused")
            harness.equal(len(error.parameters["failures"]), 1)
            return error.parameters["failures"][0]
    raise AssertionError(f"not refused: {reply}")


def test_wrong_targets_are_named():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        id = loaded["paths"].id
        for selector, reason, word in (
            ({"programId": 999999}, "noSuchProgram", "999999"),
            ({"programName": "nosuch"}, "noSuchProgram", "nosuch"),
            ({"programTag": "0123456789abcdef"}, "noSuchProgram", "0123456789abcdef"),
            ({"programPath": "/sys/fs/bpf/nosuch"}, "noSuchPath", "/sys/fs/bpf/nosuch"),
            ({"ownerProcessId": 4000000}, "noSuchProcess", "4000000"),
            ({"ownerProcessId": 1}, "noPrograms", "1"),
            ({"kernelFunction": "no_such_function"}, "noSuchFunction", "no_such_function"),
            ({"programId": id, "function": "paths_sob"}, "noSuchFunction", "paths_sob"),
        ):
            got = failure(lbrd, selector)
            harness.equal(got["reason"], reason, str(selector))
            assert word in got["name"] + got["message"], got
            assert got["hint"], got
        hint = failure(lbrd, {"programId": id, "function": "paths_sob"})["hint"]
        assert "paths_sub" in hint, f"the near name is not suggested: {hint}"


def test_what_must_not_be_traced_is_refused():
    with harness.Programs("tracing") as tracing, harness.Programs("odd") as odd, \
            harness.Lbrd() as lbrd:
        got = failure(lbrd, {"programId": tracing["tracing_program"].id})
        harness.equal(got["reason"], "tracingProgram", got["message"])
        harness.equal(failure(lbrd, {"kernelFunction": "migrate_disable"})["reason"], "denied")
        sub = {"programId": odd["odd_tail_caller"].id, "function": "odd_tail_sub"}
        if harness.kernel_version() < (6, 7):
            harness.equal(failure(lbrd, sub)["reason"], "tailCallLoop")
        else:
            with lbrd.connect() as c:
                assert c.call("Attach", {"targets": [sub]})["attachment"]["id"]


def test_noreturn_is_refused_at_exit_only():
    with harness.Lbrd() as lbrd:
        got = failure(lbrd, {"kernelFunction": "do_exit"})
        harness.equal(got["reason"], "noReturn", got["message"])


def test_all_or_nothing_unless_partial():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as c:
        targets = [{"programId": loaded["paths"].id}, {"programId": 999999}]
        try:
            c.call("Attach", {"targets": targets})
            raise AssertionError("attached in spite of a failure")
        except harness.VarlinkError as error:
            harness.equal(error.name, "io.lbrd.TargetsRefused")
        harness.assert_no_tracers()
        reply = c.call("Attach", {"targets": targets, "partial": True})
        harness.equal(len(reply["attachment"]["targets"]), 1)
        harness.equal(reply["failures"][0]["reason"], "noSuchProgram")


def test_a_program_without_type_information():
    with harness.Programs("bare") as loaded, harness.Lbrd() as lbrd:
        got = failure(lbrd, {"programId": loaded["bare"].id})
        harness.equal(got["reason"], "noTypeInformation", got["message"])


def test_hidden_addresses_name_the_sysctl():
    with harness.sysctl("kernel/kptr_restrict", 2), harness.Programs("paths") as loaded, \
            harness.Lbrd() as lbrd:
        with lbrd.connect() as c:
            description = c.call("Describe")
        assert not description["addresses"], "kptr_restrict=2 went unnoticed"
        assert "kptr_restrict" in description["addressesProblem"]
        said = refused(lbrd, "prog", str(loaded["paths"].id))
        assert "kptr_restrict" in said, said


def test_without_privilege():
    """lbrd that may not: a clear end. A client that cannot reach the socket: told so."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with harness.Process(*nobody, harness.LBRD, "--socket", "/tmp/unprivileged.sock") as process:
        harness.equal(process.wait(), 1, "exit status of an unprivileged lbrd")
        assert "CAP_BPF" in process.error_output(), process.error_output()
    with harness.Lbrd() as lbrd:
        with harness.Process(*nobody, harness.LBRCTL, "--socket", lbrd.socket, "list") as ctl:
            harness.equal(ctl.wait(), UNREACHABLE, "exit status")
            assert "socket" in ctl.error_output(), ctl.error_output()


def test_no_lbrd_says_how_to_start_it():
    with harness.Process(harness.LBRCTL, "--socket", "/tmp/nosuch.sock", "list") as ctl:
        harness.equal(ctl.wait(), UNREACHABLE, "exit status")
        assert "systemctl start lbrd" in ctl.error_output(), ctl.error_output()


harness.main(globals())
