#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration itself; tests/demo builds and starts it, in the guest where need be.

A packet filter runs on a veth pair between two network namespaces, lbrd traces it, and two lbrctl
watch it work on three packets. The exit status says whether both saw the same, and the right.

usage: show.py           needs root, branch records and BPF tracing
       show.py --probe   only tells by the exit status whether this machine has them
"""

import contextlib
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "guest"))
import harness  # noqa: E402

FILTER = harness.BUILD / "tests" / "demo.d" / "packet-filter.bpf.o"
COLOR = os.environ.get("LBRD_DEMO_COLOR") == "always"
COLUMNS = int(os.environ.get("LBRD_DEMO_COLUMNS") or 120)
SENDER, RECEIVER = f"lbrd-demo-{os.getpid()}a", f"lbrd-demo-{os.getpid()}b"
ADDRESS = "192.0.2.2"  # of the documentation's network: nobody's
IPV6_OFF = "/proc/sys/net/ipv6/conf/all/disable_ipv6"

# What is sent, what the filter makes of it, and functions that must appear in its way.
PACKETS = [
    ("udp 5000", "a UDP packet to port 5000: wanted, it may pass", "2", ["is_unwanted"]),
    ("udp 19", "a UDP packet to port 19 (chargen): unwanted, it is dropped", "1", ["is_unwanted"]),
    ("ping", "a ping: it may pass, and the way through the filter is shorter", "2", ["classify"]),
]


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOR else text


def say(text=""):
    print(text, flush=True)


def headline(text):
    say()
    say(paint("1;36", f"── {text} " + "─" * max(0, COLUMNS - len(text) - 4)))


def shell(text):
    say(f"   {paint('1', '$ ' + text)}")


def in_namespace(name, *command):
    # Not by `ip netns exec`: that hides /sys/fs/bpf, where the program is pinned.
    return ["nsenter", f"--net=/run/netns/{name}", *command]


def run(*command):
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def network(pin):
    """Two namespaces joined by a veth pair, the filter on the receiver's end."""
    try:
        for name in (SENDER, RECEIVER):
            run("ip", "netns", "add", name)
        run("ip", "-n", SENDER, "link", "add", "veth", "type", "veth", "peer", "name", "veth",
            "netns", RECEIVER)
        for name, address in (SENDER, "192.0.2.1"), (RECEIVER, ADDRESS):
            # No packets but ours: no IPv6 of the kernel's own, no ARP.
            run(*in_namespace(name, "sh", "-c", f"echo 1 >{IPV6_OFF}"))
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "veth")
            run("ip", "-n", name, "link", "set", "veth", "up")
        for name, other, address in ((SENDER, RECEIVER, ADDRESS), (RECEIVER, SENDER, "192.0.2.1")):
            mac = subprocess.check_output(
                in_namespace(other, "ip", "-o", "link", "show", "veth"), text=True)
            mac = re.search(r"link/ether (\S+)", mac)[1]
            run("ip", "-n", name, "neighbour", "replace", address, "lladdr", mac, "dev", "veth",
                "nud", "permanent")
        run(*in_namespace(RECEIVER, "ip", "link", "set", "veth", "xdp", "pinned", pin))
        yield
    finally:
        for name in (SENDER, RECEIVER):
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


def send(packet):
    """Runs in the sender's namespace: `show.py --send PACKET`."""
    if packet == "ping":
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # Echo request; the checksum is the complement of the sum of its other words.
        sock.sendto(struct.pack("!BBHHH", 8, 0, 0xFFFF - 0x0800 - 1 - 1, 1, 1), (ADDRESS, 0))
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.sendto(b"hello", (ADDRESS, int(packet.split()[1])))


def read_event(observer):
    """The lines of the next event. lbrctl writes an event at once, and tells its end by silence."""
    lines = []
    while not (lines and re.match(r"#\d+ ", strip(lines[0]))) or more(observer):
        line = observer.read_line()
        if line is None:
            observer.fail("ended before the event")
        if lines or strip(line).startswith("#"):
            lines.append(line)
    return [line for line in lines if line]


def observe(packet, first, second):
    """Sends a packet and gives what both observers print; once more if an interrupt fell into it,
    which is no defect, but not what is to be shown."""
    for _ in range(20):
        run(*in_namespace(SENDER, sys.executable, "-B", __file__, "--send", packet))
        seen, also_seen = read_event(first), read_event(second)
        if not any(re.search(r"asm_\w+\+|_iret\+|^  ! ", strip(line)) for line in seen):
            break
        say("   (An interrupt fell into this one; the packet is sent again.)")
    return seen, also_seen


def more(observer):
    return observer.pending or select.select([observer.process.stdout], [], [], 0.3)[0]


def strip(line):
    return re.sub(r"\033\[[0-9;]*m", "", line)


def wait_for_observers(lbrd, count):
    with lbrd.connect() as connection:
        deadline = time.monotonic() + harness.TIMEOUT
        while True:
            attachments = connection.call("List")["attachments"]
            if attachments and attachments[0]["observers"] == count:
                return
            assert time.monotonic() < deadline, f"the observers did not come: {attachments}"
            time.sleep(0.02)


def check(lines, verdict, functions):
    text = [strip(line) for line in lines]
    wrong = []
    if not re.search(rf"packet_filter\b.*\D{verdict}$", text[0]):
        wrong.append(f"not packet_filter returning {verdict}")
    wrong += [f"no row of {name}" for name in functions
              if not any(name in line and "packet-filter.bpf.c:" in line for line in text[1:])]
    return wrong


def demonstrate(lbrd, program):
    wrong = []
    options = dict(json_output=False, env={"COLUMNS": str(COLUMNS)})
    color = ["--color", "always" if COLOR else "never"]
    say("   lbrd runs. The first observer attaches to the filter, the second one joins:")
    shell(f"lbrctl attach prog {program.id}")
    shell("lbrctl watch")
    with lbrd.lbrctl(*color, "attach", "prog", program.id, **options) as first:
        wait_for_observers(lbrd, 1)
        with lbrd.lbrctl(*color, "watch", **options) as second:
            wait_for_observers(lbrd, 2)
            for packet, meaning, verdict, functions in PACKETS:
                headline(meaning)
                seen, also_seen = observe(packet, first, second)
                say(paint("1;32", "observer 1 │"))
                say("\n".join(seen))
                say(paint("1;35", "observer 2 │"))
                if also_seen == seen:
                    say(seen[0])
                    say(paint("2", f"  … and the same {len(seen) - 1} rows"))
                else:
                    say("\n".join(also_seen))
                    wrong.append(f"{packet}: the second observer saw something else")
                wrong += [f"{packet}: {w}" for w in check(seen, verdict, functions)]
            second.send_signal(harness.signal.SIGINT)
            second.wait()
        first.send_signal(harness.signal.SIGINT)
        first.wait()
    return wrong


def probe():
    if os.geteuid() or not harness.LBRD.exists():
        return False
    try:
        with harness.Lbrd() as lbrd, lbrd.connect() as connection:
            description = connection.call("Describe")
            return description["branchRecords"] and description["tracing"]
    except (AssertionError, OSError, harness.VarlinkError):
        return False


def main():
    if sys.argv[1:] == ["--probe"]:
        sys.exit(not probe())
    if sys.argv[1:2] == ["--send"]:
        return send(sys.argv[2])

    where = "an emulated machine" if os.environ.get("LBRD_IN_VM") else "this machine"
    headline(f"lbrd on {where}, Linux {os.uname().release}")
    with harness.Programs(FILTER) as loaded, network(loaded["packet_filter"].pin):
        program = loaded["packet_filter"]
        say(f"   A packet filter (tests/demo.d/packet-filter.bpf.c) is XDP program {program.id} on a"
            " veth pair.")
        with harness.Lbrd() as lbrd:
            wrong = demonstrate(lbrd, program)
        harness.assert_no_tracers()
    headline("that was it" if not wrong else "something went wrong")
    for line in wrong:
        say(f"   {paint('1;31', line)}")
    if not wrong:
        say("   Each line is a branch that the CPU took, oldest first, with the source line it left"
            " and")
        say("   the one it reached. Both observers got the same events; no tracer is left behind.")
    sys.exit(bool(wrong))


main()
