# SPDX-License-Identifier: Apache-2.0
"""What was executed between the branches, line by line and instruction by instruction."""

import re
import subprocess

import harness
import paths


def observe(lbrd, view, **parameters):
    """An attachment's stream with a view, its first reply taken."""
    connection = lbrd.connect()
    stream = connection.stream("Attach", {"view": view, **parameters})
    attachment = next(stream)["attachment"]
    events = (reply["event"] for reply in stream if "event" in reply)
    return connection, attachment, events


def watch(lbrd, **parameters):
    connection = lbrd.connect()
    stream = connection.stream("Watch", parameters)
    assert next(stream)["ready"]
    return connection, (reply["event"] for reply in stream if "event" in reply)


def statements():
    """The lines of paths.bpf.c that became instructions, in the order of the source."""
    text = paths.SOURCE.read_text().splitlines()
    return [number for number, line in enumerate(text, 1)
            if re.match(r'\t(I\(|asm volatile\("[^"]|return )', line)]


def expected_lines(path):
    """[(line, decisions, depth)] that a way of paths.py goes, by the source alone."""
    text = [""] + paths.SOURCE.read_text().splitlines()
    lines = statements()
    marks = paths.markers()
    position = next(n for n in lines if n > marks["sub_exit"])  # the first of paths()
    found, depth = [], 0
    for start, end in path.rows:
        if start == paths.HELPER:
            position, depth = end, depth - 1
            continue
        for number in (n for n in lines if position <= n <= start):
            decisions = []
            if '"if ' in text[number] or ": if " in text[number]:
                decisions = ["taken" if number == start else "notTaken"]
            found.append((number, decisions, depth))
        position = end
        if start in (marks["call"], marks["helper"]):
            depth += 1
        elif start == marks["sub_exit"]:
            depth -= 1
    return found


def seen_lines(event):
    """The same, of the event's path; a line that goes on behind the tracer's rows counts once."""
    found, after_gap = [], False
    outermost = min(step["depth"] for step in event["path"] if step.get("symbol") == "paths")
    for step in event["path"]:
        if "gap" in step:
            assert step["gap"] in ("trimmed", "truncated"), step
            after_gap = True
            continue
        for line in step["lines"]:
            if not line.get("file", "").endswith("paths.bpf.c"):
                continue
            item = (line["line"], line.get("decisions", []), step["depth"] - outermost)
            if after_gap and found and found[-1] == item:
                continue
            found.append(item)
            after_gap = False
    return found


def check_lines(event, path):
    """With return thunks a way may be longer than the record: then its begin is missing, which the
    path must say."""
    seen, expected = seen_lines(event), expected_lines(path)
    truncated = event["path"][0].get("gap") == "truncated"
    harness.equal(truncated, len(seen) < len(expected), "truncated")
    depth = expected[-1][2] - seen[-1][2]
    seen = [(line, decisions, level + depth) for line, decisions, level in seen]
    harness.equal(seen, expected[-len(seen):], "lines")


def runs_of(event):
    return [step for step in event["path"] if "gap" not in step]


def test_source_is_as_written():
    text = [""] + paths.SOURCE.read_text().splitlines()
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        connection, _, events = observe(
            lbrd, "source", targets=[{"programId": loaded["paths"].id}])
        with connection:
            for path in paths.ALL:
                _, event = harness.undisturbed(
                    lambda: loaded["paths"].run(path.data), lambda: next(events))
                check_lines(event, path)
                for step in runs_of(event):
                    for line in step["lines"]:
                        if line.get("file", "").endswith("paths.bpf.c"):
                            harness.equal(line["text"], text[line["line"]].strip(), "text")


def test_views_differ_only_in_the_path():
    """One encoding per view: the same bytes for all of its observers, and no path without one."""
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
        connection, attachment, events = observe(
            lbrd, "instructions", targets=[{"programId": loaded["paths"].id}])
        others = [watch(lbrd, attachments=[attachment["id"]], **{"view": view} if view else {})
                  for view in ("source", "source", None)]
        with connection:
            loaded["paths"].run(paths.ALL[1].data)
            instructions = next(events)
            source, again, branches = [next(other[1]) for other in others]
        for other in others:
            other[0].socket.close()
    harness.equal(source, again, "two observers of one view")
    assert "path" not in branches, branches
    for event in (instructions, source):
        steps = event.pop("path")
        harness.equal(event, branches, "all but the path")
        assert steps
    assert all("lines" in step for step in runs_of({"path": steps}))


def dumped(lbrd, id):
    """{address: Instruction} of a program."""
    with lbrd.connect() as c:
        return {i["address"]: i for f in c.call("Dump", {"target": {"programId": id}})["code"]
                for i in f["instructions"]}


def test_instructions_are_as_in_a_dump():
    """The same members with the same words, maps and targets too; only the entry is patched."""
    with harness.Programs("dump") as loaded, harness.Lbrd() as lbrd:
        program = loaded["dump_main"]
        connection, _, events = observe(lbrd, "instructions",
                                        targets=[{"programId": program.id,
                                                  "function": "dump_count"}])
        maps, targets = set(), set()
        with connection:
            # Of a run that adds to the map, only the end is recorded; there are 8 keys.
            for _ in range(20):
                _, event = harness.undisturbed(lambda: program.run(bytes(64)),
                                               lambda: next(events))
                known = dumped(lbrd, program.id)
                for run in runs_of(event):
                    for seen in run["instructions"]:
                        wanted = known.get(seen["address"])
                        if not wanted or seen["offset"] in (0, 4):
                            continue
                        for member in ("offset", "bytes", "text", "kind", "map", "mapId"):
                            harness.equal(seen.get(member), wanted.get(member), f"{seen}")
                        for member in ("address", "symbol", "offset", "module"):
                            harness.equal(seen.get("target", {}).get(member),
                                          wanted.get("target", {}).get(member), f"{seen}")
                        if "source" in seen and "source" in wanted:
                            harness.equal(seen["source"], wanted["source"])
                        maps.add(seen.get("map"))
                        targets.add(seen.get("target", {}).get("symbol"))
        assert "dump_flows" in maps, maps
        assert any("htab" in (name or "") for name in targets), targets


def test_a_program_that_is_gone():
    """The code was captured: what comes late still learns what was executed."""
    with harness.Lbrd() as lbrd:
        with harness.Programs("paths") as loaded:
            connection, attachment, events = observe(
                lbrd, "branches", targets=[{"programId": loaded["paths"].id}], persistent=True)
            harness.undisturbed(lambda: loaded["paths"].run(paths.ALL[0].data),
                                lambda: next(events))
        with lbrd.connect() as control:
            control.call("Detach", {"attachment": attachment["id"]})
        connection.socket.close()
        lbrd.wait_unloaded(loaded["paths"].id)
        late, events = watch(lbrd, replay=1, view="source")
        with late:
            check_lines(next(events), paths.ALL[0])


def test_no_code_is_a_gap():
    """Where the kernel's code cannot be read, the path says so and goes on behind it."""
    path = paths.ALL[2]
    subprocess.run(["mount", "--bind", "/dev/null", "/proc/kcore"], check=True)
    try:
        with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd:
            connection, _, events = observe(
                lbrd, "source", targets=[{"programId": loaded["paths"].id}])
            with connection:
                _, event = harness.undisturbed(
                    lambda: loaded["paths"].run(path.data), lambda: next(events))
    finally:
        subprocess.run(["umount", "/proc/kcore"], check=True)
    gaps = [step for step in event["path"] if step.get("gap") == "noCode"]
    helper = [step for step in gaps if step["symbol"] == paths.HELPER]
    harness.equal(len(helper), 1, "gaps of the helper")
    assert "/proc/kcore" in helper[0]["gapText"], helper
    event["path"] = [step for step in event["path"] if step not in gaps]
    harness.equal([line[:2] for line in seen_lines(event)],
                  [line[:2] for line in expected_lines(path)], "lines")
    harness.equal({step["symbol"] for step in runs_of(event)}, {"paths", "paths_sub"}, "code")


def test_a_view_that_cannot_be():
    with harness.Programs("paths") as loaded, harness.Lbrd() as lbrd, lbrd.connect() as client:
        targets = [{"programId": loaded["paths"].id}]
        for parameters in ({"view": "source", "raw": True}, {"view": "nonsense"}):
            try:
                client.call("Attach", {"targets": targets, **parameters})
            except harness.VarlinkError as error:
                harness.equal(error.parameters["parameter"], "view")
            else:
                raise AssertionError(f"accepted: {parameters}")


harness.main(globals())
