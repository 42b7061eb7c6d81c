# SPDX-License-Identifier: Apache-2.0
"""Who may do what: users with groups of their own against lbrd and its policy."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

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
        assert c.call("Describe").keys().isdisjoint({"policyProblem", "policyBuiltIn"})
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
        while "the built-in one is in force" not in lbrd.error_output():
            root.call("List")
        description = root.call("Describe")
        assert description["policyBuiltIn"] and "policyProblem" not in description, description
        lbrd.connect("observer").call("List")


def kernel_numbers(data):
    """What may be an address of the kernel in a message: hexadecimal or decimal, of any sign."""
    found = [int(n, 16) for n in re.findall(rb"0x([0-9a-fA-F]+)", data)]
    found += [-int(n, 16) % 2**64 for n in re.findall(rb"- ?0x([0-9a-fA-F]+)", data)]
    found += [int(n) % 2**64 for n in re.findall(rb"-?[0-9]{7,}", data)]
    found += [int(n, 16) for n in re.findall(rb"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])", data)]
    return [hex(n) for n in found if 0xff00000000000000 <= n < 0xffffffffff000000]


VIEWS = ({"raw": True}, {"view": "branches"}, {"view": "source"}, {"view": "instructions"})


def watch(lbrd, view, user=None):
    """A connection that observes everything from now on."""
    c = lbrd.connect(user)
    c.send("Watch", view, more=True)
    harness.equal(c.receive()["parameters"], {"ready": True})
    return c


def test_addresses_are_for_those_who_may_see_them():
    path = paths.ALL[0]
    with harness.Programs("paths") as loaded, Lbrd() as lbrd, lbrd.connect() as root:
        attach(root, loaded["paths"])
        shown = [watch(lbrd, view) for view in VIEWS]
        hidden = [watch(lbrd, view, "observer") for view in VIEWS]
        twin = watch(lbrd, VIEWS[-1], "observer")
        loaded["paths"].run(path.data)
        for view, c in zip(VIEWS, shown):
            assert kernel_numbers(c.receive_bytes()), f"{view}: there is nothing to hide"
        for view, c in zip(VIEWS, hidden):
            message = c.receive_bytes()
            harness.equal(kernel_numbers(message), [], f"{view}: {message}")
            event = json.loads(message)["parameters"]["event"]
            assert all("symbol" in b["from"] and "offset" in b["to"]
                       for b in event["branches"][-3:]), f"{view}: no symbols: {event}"
            harness.equal("path" in event, "view" in view and view["view"] != "branches")
        harness.equal(twin.receive_bytes(), message, "what two observers of one view got")


def test_what_a_function_returns_may_be_an_address():
    with Lbrd() as lbrd, lbrd.connect() as root:
        shown, hidden = watch(lbrd, {}), watch(lbrd, {}, "observer")
        root.call("Attach", {"targets": [{"kernelFunction": "do_filp_open"}],
                             "filter": {"limit": 5}, "persistent": True})
        open("/dev/null", "rb").close()
        for c, has in ((shown, True), (hidden, False)):
            while "event" not in (reply := c.receive()["parameters"]):
                pass
            harness.equal("returnAddress" in reply["event"], has, "returnAddress")


def replies(c, method, parameters):
    """The bytes of all replies of a call with `more`."""
    c.send(method, parameters, more=True)
    messages = []
    while True:
        messages.append(c.receive_bytes())
        reply = json.loads(messages[-1])
        assert "error" not in reply, reply
        if not reply.get("continues"):
            return b"\n".join(messages)


def test_lists_and_dumps_have_no_addresses_either():
    with harness.Programs("dump") as loaded, harness.Programs("path"), Lbrd() as lbrd, \
            lbrd.connect() as root, lbrd.connect("observer") as c:
        program = next(iter(loaded.values()))
        attach(root, program)
        calls = [("Programs", {}), ("List", {}), ("Describe", {})]
        for syntax in ("att", "intel"):
            calls += [("Dump", {"target": {"allPrograms": True}, "syntax": syntax}),
                      ("Dump", {"target": {"kernelFunction": "bpf_prog_test_run_xdp"},
                                "syntax": syntax}),
                      ("Dump", {"target": {"kernelFunction": "do_syscall_64"}, "syntax": syntax})]
        calls.append(("Dump", {"target": {"allPrograms": True}, "xlated": True}))
        for method, parameters in calls:
            shown, hidden = (replies(peer, method, parameters) for peer in (root, c))
            # The source of a BPF program is what its author wrote, whatever numbers are in it.
            hidden = re.sub(rb'"source":\{[^}]*\}', b"", hidden)
            harness.equal(kernel_numbers(hidden), [], f"{method} {parameters}")
            assert b'"bytes":' not in hidden, f"{method} {parameters}"
            assert kernel_numbers(shown) or method != "Dump" or "xlated" in parameters, parameters
        description = c.call("Describe")
        assert not description["addresses"] and "policy" in description["addressesProblem"]


def test_a_distance_tells_no_address():
    """Where a per-CPU variable is, everybody knows: how far it is from here says where here is."""
    with Lbrd() as lbrd, lbrd.connect() as root, lbrd.connect("observer") as c:
        for syntax, distance in (("att", rb"0x[0-9a-f]+\(%rip"), ("intel", rb"rip [+-] 0x[0-9a-f]")):
            parameters = {"target": {"kernelFunction": "bpf_get_numa_node_id"}, "syntax": syntax}
            shown, hidden = (replies(peer, "Dump", parameters) for peer in (root, c))
            assert re.search(distance, shown), shown
            assert not re.search(distance, hidden), hidden


def test_an_address_is_no_question():
    with Lbrd() as lbrd, lbrd.connect("observer") as c:
        for address in ("0xffffffff81000000", "0x1000"):
            why = denied(c, "Dump", {"address": address})
            assert "addresses" in why["hint"], why
        for function in ("0xffffffff81000000", "ffffffff81000000"):
            try:
                c.call("Dump", {"target": {"kernelFunction": function}})
                raise AssertionError("dumped by an address")
            except harness.VarlinkError as error:
                harness.equal(error.name, "io.lbrd.CodeUnavailable")


def test_a_reload_changes_open_streams():
    policy = "allow observe user stranger\n"
    with harness.Programs("paths") as loaded, Lbrd(policy) as lbrd, lbrd.connect() as root:
        attach(root, loaded["paths"])
        c = watch(lbrd, {}, "stranger")
        for rules, sees in ((policy, False), (policy + "allow addresses everyone\n", True)):
            lbrd.reload(rules)
            loaded["paths"].run(paths.ALL[0].data)
            harness.equal(bool(kernel_numbers(c.receive_bytes())), sees, rules)
        lbrd.reload("allow attach everyone\n")
        reply = json.loads(c.receive_bytes())
        harness.equal(reply["error"], DENIED)
        denied(c, "List")


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
