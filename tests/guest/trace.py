# SPDX-License-Identifier: Apache-2.0
"""The main job, row by row: what the observer sees is what the source says must happen."""

import os

import harness
import paths

TRACING_PREFIXES = ("bpf_trampoline_", "__bpf_prog_enter", "__bpf_prog_exit", "__bpf_tramp_",
                    "bpf_get_branch_snapshot")


def place(location):
    """A location in the notation of paths.py, or its symbol."""
    if location.get("file", "").endswith("paths.bpf.c"):
        return location["line"]
    return location.get("symbol", location["address"])


def rows(event):
    """The event's rows, oldest first, as pairs of places."""
    return [(place(b["from"]), place(b["to"])) for b in reversed(event["branches"])]


def check_rows(event, expected, symbol):
    """`expected` are the newest rows; before them stands the one that enters the target, and
    nothing at all belongs to the tracer. With return thunks a way may be longer than the record:
    then its oldest rows, and only those, may be missing."""
    got = rows(event)
    whole = len(got) > len(expected)
    if not whole:
        assert returns_through_thunks(event), f"rows are missing: {got}"
        expected = expected[-len(got):]
    tail = got[-len(expected):]
    # Where the target returns to is the trampoline's business: any place outside the source.
    assert not isinstance(tail[-1][1], int), tail[-1]
    tail[-1] = (tail[-1][0], paths.CALLER)
    harness.equal(tail, expected, "the target's rows")
    if whole:
        entered = event["branches"][len(expected)]["to"]
        harness.equal((entered["symbol"], entered["offset"]), (symbol, 0), "entered at")
    for b in event["branches"]:
        for end in (b["from"], b["to"]):
            assert "symbol" in end, f"a place without a name: {b}"
            assert b is event["branches"][0] or not end["symbol"].startswith(TRACING_PREFIXES), \
                f"a row of the tracer: {b}"


def returns_through_thunks(event):
    # Any row: a return that lies well in its cache line keeps its own instruction.
    return any("return_thunk" in b.get("through", "") for b in event["branches"])


def attach(lbrd, *arguments):
    ctl = lbrd.lbrctl("attach", *arguments)
    first = ctl.wait_for(lambda line: "attachment" in line)
    return ctl, first["attachment"]


def next_event(ctl):
    return ctl.wait_for(lambda line: "event" in line)["event"]


def run_and_see(ctl, program, path, cpu=None):
    """(what run() gave, the event) of a run that no interrupt fell into."""
    return harness.undisturbed(lambda: program.run(path.data, cpu=cpu), lambda: next_event(ctl),
                               reaches_back)


def reaches_back(event):
    """Whether the target's entry is in the record, where a record has room for it."""
    return returns_through_thunks(event) or harness.enters(event, event["target"]["function"])


def test_every_path_gives_its_rows():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, attachment = attach(lbrd, "prog", str(loaded["paths"].id))
        harness.equal(attachment["targets"][0]["programId"], loaded["paths"].id)
        with ctl:
            for path in paths.ALL:
                ran, event = run_and_see(ctl, loaded["paths"], path)
                check_rows(event, path.rows, "paths")
                harness.equal(event["returnValue"], path.returns, "return value")
                harness.equal(event["processId"], ran["processId"], "process")
                harness.equal(event["command"], "bpf-tool", "command")
                harness.equal(event["target"]["name"], "paths")
                assert "notice" not in event, event.get("noticeText")
    harness.assert_no_tracers()


def test_branch_types_and_lines():
    path = paths.ALL[2]
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attach(lbrd, "prog", str(loaded["paths"].id))
        with ctl:
            _, event = run_and_see(ctl, loaded["paths"], path)
    lines = paths.markers()
    types = {place(b["from"]): b.get("type") for b in event["branches"]}
    harness.equal(types[lines["not_zero"]], "jump")
    harness.equal(types[lines["loop_test"]], "conditional")
    harness.equal(types[lines["sub_exit"]], "return")
    harness.equal(types[lines["exit"]], "return")
    harness.equal(types[lines["call"]], "call")


def test_a_subprogram():
    path = paths.ALL[2]
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, attachment = attach(lbrd, "prog", f"{loaded['paths'].id}:paths_sub")
        harness.equal(attachment["targets"][0]["function"], "paths_sub")
        with ctl:
            _, event = run_and_see(ctl, loaded["paths"], path)
    expected = path.sub_rows[:-1] + [(path.sub_rows[-1][0], paths.CALLER)]
    check_rows(event, expected, "paths_sub")
    harness.equal(event["returnValue"], path.sub_returns)
    harness.equal(event["target"]["name"], "paths:paths_sub")


def test_entry_mode():
    path = paths.ALL[0]
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attach(lbrd, "--entry", "prog", str(loaded["paths"].id))
        with ctl:
            _, event = run_and_see(ctl, loaded["paths"], path)
    harness.equal(event["target"]["mode"], "entry")
    assert "returnValue" not in event
    newest = event["branches"][0]
    assert newest["to"]["symbol"].endswith("_paths") or newest["to"]["symbol"] == "paths", newest
    harness.equal(newest["to"]["offset"], 0, "the newest row enters the target")
    for b in event["branches"]:
        assert not b["from"]["symbol"].startswith(TRACING_PREFIXES), b


def test_a_kernel_function():
    os.sched_setaffinity(0, {0})  # what it entered on one CPU another one has no record of
    with harness.Lbrd() as lbrd:
        ctl, attachment = attach(lbrd, "func", "__x64_sys_getpgid", "--pid", str(os.getpid()))
        harness.equal(attachment["targets"][0]["kind"], "function")
        with ctl:
            _, event = harness.undisturbed(lambda: os.getpgid(0), lambda: next_event(ctl),
                                           reaches_back)
    harness.equal(event["returnValue"], os.getpgid(0), "return value")
    harness.equal(event["processId"], os.getpid(), "process")
    newest = event["branches"][0]
    harness.equal(newest["from"]["symbol"], "__x64_sys_getpgid", "the newest row leaves it")
    harness.equal(newest.get("type"), "return")
    entered = [b for b in event["branches"] if b["to"].get("symbol") == "__x64_sys_getpgid"
               and b["to"]["offset"] == 0]
    if not returns_through_thunks(event):  # else it lies beyond the record
        harness.equal(len(entered), 1, "rows that enter the function")
    os.sched_setaffinity(0, range(os.cpu_count()))


def test_two_programs_at_once():
    with harness.Programs("paths") as one, harness.Programs("paths") as two, \
            harness.Lbrd() as lbrd:
        ctl, attachment = attach(lbrd, "prog", str(one["paths"].id), str(two["paths"].id))
        harness.equal(len(attachment["targets"]), 2)
        with ctl:
            for program, path in ((one, paths.ALL[0]), (two, paths.ALL[1]), (one, paths.ALL[3])):
                _, event = run_and_see(ctl, program["paths"], path)
                harness.equal(event["target"]["programId"], program["paths"].id)
                check_rows(event, path.rows, "paths")


def test_the_cpu_is_right():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attach(lbrd, "prog", str(loaded["paths"].id))
        with ctl:
            for cpu in range(os.cpu_count()):
                path = paths.ALL[cpu % len(paths.ALL)]
                _, event = run_and_see(ctl, loaded["paths"], path, cpu)
                harness.equal(event["cpu"], cpu, "CPU")
                check_rows(event, path.rows, "paths")


def test_raw_shows_everything():
    path = paths.ALL[0]
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        ctl, _ = attach(lbrd, "--raw", "prog", str(loaded["paths"].id))
        with ctl:
            _, event = run_and_see(ctl, loaded["paths"], path)
    harness.equal(len(event["branches"]), 32, "rows")
    newest = [b["from"]["symbol"] for b in event["branches"][:3]]
    assert any("lbrd_exit" in symbol for symbol in newest), f"not the tracer's: {newest}"


harness.main(globals())
