# SPDX-License-Identifier: Apache-2.0
"""What paths.bpf.c must do with a packet: its result and every taken branch, by source line.

The rows are written down here by hand from the source, never taken from a run: they are the
independent half of every test that compares branches.
"""

import pathlib
import re

SOURCE = pathlib.Path(__file__).with_name("paths.bpf.c")

# Where a row begins or ends: a marked line of the source (its number), or code outside of it.
HELPER = "bpf_get_numa_node_id"
CALLER = "caller"  # whoever runs the function: trampoline or test run


def markers(source=SOURCE):
    """{name: line} of every "@name" in a comment of the source."""
    found = {}
    for number, line in enumerate(source.read_text().splitlines(), 1):
        if match := re.search(r"/\* @(\w+)", line):
            assert match[1] not in found, match[1]
            found[match[1]] = number
    return found


class Path:
    """One packet and its way: `data` to run with, `returns`, and `rows`, oldest first.

    A row is a pair of line numbers of paths.bpf.c, or HELPER or CALLER in their stead. The last
    row of `rows` is the one that leaves `paths`; `sub_rows` are those of paths_sub alone, its
    leaving row last, and `sub_returns` is its result (None when it is not called).
    """

    def __init__(self, condition=1, argument=0, helper=0, rounds=0, switch=0):
        self.data = bytes([condition, argument, helper, rounds, switch]) + bytes(59)
        self.sub_returns = None if not argument else 9 if argument == 4 else 2 * argument
        self.returns = (
            0x100
            + (0x10 if condition else 0x20)
            + (self.sub_returns or 0)
            + (0x1000 if helper else 0)
            + 0x10000 * rounds
            + (switch if switch in (1, 2) else 0)
        )
        names = [("not_zero", "joined") if condition else ("condition", "zero")]
        sub = []
        if argument:
            inner = ("sub_jump", "sub_end") if argument == 4 else ("sub_condition", "sub_other")
            sub = [inner, ("sub_exit", "call_return")]
            names += [("call", "sub_entry"), *sub]
        else:
            names += [("call_condition", "no_call")]
        if helper:
            names += [("helper", HELPER), (HELPER, "helper_return")]
        else:
            names += [("helper_condition", "no_helper")]
        if rounds:
            names += (rounds - 1) * [("loop_test", "loop_body")]
        else:
            names += [("loop_condition", "no_loop")]
        names += {
            1: [("switch_one", "one"), ("one_end", "end")],
            2: [("switch_two", "two")],
        }.get(switch, [("switch_other", "end")])
        names += [("exit", CALLER)]
        self.rows = self._lines(names)
        self.sub_rows = self._lines(sub)

    @staticmethod
    def _lines(names):
        lines = markers()
        return [tuple(lines.get(name, name) for name in row) for row in names]


# Every branch of the source both ways, in ways short enough for 32 entries with the tracer's own.
ALL = [
    Path(condition=0),
    Path(condition=1, argument=1, switch=1),
    Path(condition=1, argument=4, helper=1, rounds=3, switch=2),
    Path(condition=0, argument=5, rounds=4, switch=3),
]
