# SPDX-License-Identifier: Apache-2.0
"""Who may do what: users with groups of their own against lbrd and its policy."""

import os
import signal
import subprocess
import tempfile
import pathlib

import harness
import paths

REFUSED = 1
USERS = """
g lbrd - - -
g lbrd-admin - - -
g lbrd-tracers - - -
u observer 7001 - - -
u admin 7002 - - -
u stranger 7003 - - -
u tracer 7004 - - -
u tracer2 7005 - - -
m observer lbrd
m admin lbrd-admin
m tracer lbrd-tracers
m tracer2 lbrd-tracers
"""
DENIED = "org.varlink.service.PermissionDenied"
OBSERVING = ("List", "Programs", "Describe")


def make_users():
    subprocess.run(["systemd-sysusers", "--inline", *USERS.strip().split("\n")], check=True,
                   stderr=subprocess.DEVNULL)


class Lbrd(harness.Lbrd):
    """With a policy file that a test can change, and a socket that every user can reach."""

    def __init__(self, policy=None):
        self.policy = pathlib.Path(tempfile.mkdtemp(prefix="lbrd-"), "policy.conf")
        if policy is not None:
            self.policy.write_text(policy)
        super().__init__("--policy", self.policy)
        os.chmod(self.directory, 0o755)

    def reload(self, policy):
        """Changes the policy and waits for lbrd's word on it, which is returned."""
        self.policy.write_text(policy)
        before = self.error_output()
        self.send_signal(signal.SIGHUP)
        with self.connect() as c:
            while (said := self.error_output()) == before:
                c.call("List")  # signals are served between calls
        return said[len(before):]


def denied(c, method, parameters=None, more=False):
    """The parameters of the PermissionDenied that a call must be answered with."""
    try:
        c.send(method, parameters, more=more)
        reply = c.receive()
    except harness.VarlinkError as error:
        harness.equal(error.name, DENIED, method)
        return error.parameters
    raise AssertionError(f"{method} was not denied: {reply}")


def attach(c, program, **options):
    return c.call("Attach", {"targets": [{"programId": program.id}], **options})["attachment"]["id"]


def test_everybody_may_ask_what_is_served():
    with Lbrd() as lbrd, lbrd.connect("stranger") as c:
        assert "io.lbrd" in c.call("org.varlink.service.GetInfo")["interfaces"]
        text = c.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.lbrd"})
        assert "method Attach" in text["description"]


def test_strangers_are_told_which_group():
    with Lbrd() as lbrd, lbrd.connect("stranger") as c:
        for method in OBSERVING:
            why = denied(c, method)
            harness.equal(why["groups"], ["lbrd", "lbrd-admin"], method)
            assert "'lbrd'" in why["message"] and "usermod" in why["hint"], why
        denied(c, "Watch", more=True)
        # What is wrong with a call is told only to who may make it.
        denied(c, "Dump", {"address": "no address"})
        harness.equal(denied(c, "Attach", {"targets": []})["groups"], ["lbrd-admin"])
        harness.equal(denied(c, "Detach", {"attachment": 1})["groups"], ["lbrd-admin"])
        with harness.Process(harness.LBRCTL, "--socket", lbrd.socket, "list") as ctl:
            harness.equal(ctl.wait(), 0, "root's exit status")


def test_observers_watch_but_do_not_attach():
    path = paths.ALL[0]
    with harness.Programs("paths") as loaded, Lbrd() as lbrd, lbrd.connect() as root, \
            lbrd.connect("observer") as c:
        id = attach(root, loaded["paths"])
        harness.equal([a["id"] for a in c.call("List")["attachments"]], [id])
        harness.equal(c.call("Describe")["rights"], ["observe"])
        c.call("Programs")
        assert c.call("Dump", {"target": {"programId": loaded["paths"].id}})["code"]
        denied(c, "Attach", {"targets": [{"programId": loaded["paths"].id}]})
        denied(c, "Detach", {"attachment": id})
        watch = c.stream("Watch")
        harness.equal(next(watch), {"ready": True})
        loaded["paths"].run(path.data)
        harness.equal(next(watch)["event"]["returnValue"], path.returns)


def test_admins_attach_and_detach_what_others_did():
    with harness.Programs("paths") as loaded, Lbrd() as lbrd, lbrd.connect() as root, \
            lbrd.connect("admin") as c:
        id = attach(root, loaded["paths"])
        own = attach(c, loaded["paths"], persistent=True)
        harness.equal(c.call("Detach", {"all": True})["detached"], [id, own])
        harness.equal(c.call("Describe")["rights"], ["observe", "attach", "administer"])


def test_one_detaches_only_ones_own():
    policy = "allow attach group lbrd-tracers\n"
    with harness.Programs("paths") as loaded, Lbrd(policy) as lbrd, \
            lbrd.connect("tracer") as c, lbrd.connect("tracer2") as other:
        own, foreign = attach(c, loaded["paths"]), attach(other, loaded["paths"])
        try:
            c.call("Detach", {"attachment": foreign})
            raise AssertionError("detached what another user attached")
        except harness.VarlinkError as error:
            harness.equal(error.name, "io.lbrd.NotOwner")
            harness.equal(error.parameters["ownerUserId"], 7005)
        harness.equal(c.call("Detach", {"all": True})["detached"], [own])
        denied(c, "List")
        denied(lbrd.connect("admin"), "List")


def test_a_reload_holds_for_who_is_connected():
    with Lbrd("allow observe user stranger") as lbrd, lbrd.connect("stranger") as c:
        c.call("List")
        assert "in force" in lbrd.reload("allow observe user tracer\n")
        denied(c, "List")
        lbrd.reload("allow observe everyone\n")
        c.call("List")


def test_a_bad_file_changes_nothing():
    with Lbrd("allow observe user stranger\n") as lbrd, lbrd.connect("stranger") as c:
        said = lbrd.reload("allow observe everyone\nallow observe group nosuch\n")
        assert "line 2" in said and "nosuch" in said and "stays in force" in said, said
        problem = c.call("Describe")["policyProblem"]
        assert "line 2" in problem, problem
        denied(lbrd.connect("tracer"), "List")
        lbrd.reload("allow observe everyone\n")
        assert "policyProblem" not in c.call("Describe")
        lbrd.connect("tracer").call("List")


def test_started_with_a_bad_file_only_root_may():
    with Lbrd("alow observe everyone\n") as lbrd, lbrd.connect() as root:
        said = lbrd.error_output()
        assert "line 1" in said and "only root" in said, said
        harness.equal(root.call("Describe")["rights"],
                      ["observe", "attach", "administer", "addresses"])
        for user in ("observer", "admin", "stranger"):
            denied(lbrd.connect(user), "List")
        lbrd.policy.unlink()
        lbrd.send_signal(signal.SIGHUP)
        while "in force" not in lbrd.error_output():
            root.call("List")
        lbrd.connect("observer").call("List")


def test_lbrctl_says_why_and_what_to_do():
    client = pathlib.Path("/usr/local/bin/lbrctl")  # the build's own may be where only root looks
    client.write_bytes(harness.LBRCTL.read_bytes())
    client.chmod(0o755)
    with Lbrd() as lbrd:
        lbrd.client = client
        with lbrd.lbrctl("attach", "func", "vfs_read", json_output=False, user="observer") as ctl:
            harness.equal(ctl.wait(), REFUSED, "exit status")
            said = ctl.error_output()
        assert "may not attach" in said and "lbrd-admin" in said and "usermod" in said, said
        with lbrd.lbrctl("status", json_output=False, user="observer") as ctl:
            harness.equal(ctl.wait(), 0, "exit status")
            assert any(line.startswith("you may ") and "observe" in line for line in ctl.lines), \
                ctl.lines


make_users()
harness.main(globals())
