# SPDX-License-Identifier: Apache-2.0
"""Users share what a server has: each limit is met, told, leaves something to others, and is gone
when its things are given back. Runs as root: usage: quotas.py ECHO-SERVER (see echo-server.c for
the totals)."""
import contextlib
import os
import select
import socket
import sys
import types
import unittest

import harness
from harness import Connection, message

CONNECTIONS = 64
CALL_BYTES = REPLY_BYTES = 1 << 20
FREE_OF_CHARGE = 65536  # input buffers of a connection up to this size
ANN, BEN, CEM = 1000, 1001, 1002
SKIPPED = 77


@contextlib.contextmanager
def user(uid):
    """SO_PEERCRED tells who a process was when it connected."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def connect(uid):
    with user(uid):
        return Connection(SERVER.path)


class QuotaTest(unittest.TestCase):
    def setUp(self):
        self.open = []
        self.addCleanup(self.close_all)

    def close_all(self):
        for c in self.open:
            c.close()
        self.open = []
        # Each connection is a turn of the loop, which frees some of those that are gone.
        for _ in range(1000):
            with connect(0) as c:
                if self.ask(c, 'Status')['parameters'].get('peers') == 1:
                    return
        self.fail('connections that were closed are still there')

    def connect(self, uid):
        self.open.append(connect(uid))
        return self.open[-1]

    def ask(self, c, name, parameters=None):
        # A connection too many is told so and closed before it says anything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            c.call('org.example.wire.' + name, parameters)
        return c.read()

    def check_limit(self, reply, name, value=None):
        self.assertEqual(reply['error'], 'org.example.wire.LimitReached')
        self.assertEqual(reply['parameters']['name'], name)
        if value is not None:
            self.assertEqual(reply['parameters']['value'], value)
        self.assertTrue(reply['parameters']['hint'])

    def is_served(self, c):
        reply = self.ask(c, 'Echo', {})
        return reply is not None and 'error' not in reply

    def fill(self, uid):
        """Connects until it is refused: how many were served, and the refusal."""
        for n in range(CONNECTIONS + 1):
            c = self.connect(uid)
            reply = self.ask(c, 'Echo', {})
            if 'error' in reply:
                self.assertIsNone(c.read())
                return n, reply
        self.fail('no limit')


class Connections(QuotaTest):
    def test_each_user_finds_some(self):
        left = CONNECTIONS
        for uid in (ANN, BEN, CEM):
            n, reply = self.fill(uid)
            self.assertEqual(n, left // 2)
            self.check_limit(reply, 'connections', left // 2)
            self.assertIn(f'User {uid} may have {left // 2} of the 64 connections',
                          reply['parameters']['hint'])
            left -= n
        n, reply = self.fill(0)
        self.assertEqual(n, left * 3 // 4)
        self.check_limit(reply, 'connections', n)

    def test_what_is_given_back_can_be_had_again(self):
        self.fill(ANN)
        self.open.pop().close()  # the one that was refused
        self.open.pop(0).close()
        for _ in range(1000):
            c = self.connect(ANN)
            if self.is_served(c):
                break
            self.open.pop().close()
        self.assertTrue(self.is_served(c))
        self.check_limit(self.connect(ANN).read(), 'connections', CONNECTIONS // 2)

    def test_a_storm(self):
        for i in range(3000):
            c = connect(ANN)
            if i % 3 == 0:
                c.send(b'{"method"')
            elif i % 3 == 1:
                c.call('org.example.wire.Forever', more=True)
            c.close()
        self.close_all()


class Calls(QuotaTest):
    def test_unfinished_calls(self):
        """Half-open clients cannot take the memory that others' calls need."""
        part = b'{"method":"org.example.wire.Echo","parameters":{"text":"' + b'x' * 64000
        refused = None
        for n in range(CONNECTIONS // 2 - 1):
            c = self.connect(ANN)
            c.send(part)
            # Answered in the same turn or before: the call of another connection comes later.
            with connect(BEN) as other:
                self.assertTrue(self.is_served(other))
            if select.select([c.socket], [], [], 0.01)[0]:
                refused = c
                break
        self.assertIsNotNone(refused, 'no limit')
        self.check_limit(refused.read(), 'callsBytes', CALL_BYTES // 2)
        self.assertIsNone(refused.read())
        # Small calls do not count, and others have their own share.
        self.assertTrue(self.is_served(self.connect(ANN)))
        whole = message('org.example.wire.Echo', {'text': 'x' * 60000})
        b = self.connect(BEN)
        b.send(whole)
        self.assertNotIn('error', b.read())
        # One that finishes its call gives back what it took.
        self.open[0].send(b'"}}\0')
        self.assertNotIn('error', self.open[0].read())
        self.assertTrue(self.is_served(self.open[0]))
        a = self.connect(ANN)
        a.send(whole)
        self.assertNotIn('error', a.read())

    def test_unread_replies(self):
        whole = message('org.example.wire.Echo', {'text': 'x' * 60000})
        mute, reply, other = [], None, self.connect(BEN)
        for _ in range(8):
            c = self.connect(ANN)
            # Until its queue is full: from then on nothing is read from it.
            c.send_until_full(whole, lambda: self.is_served(other))
            mute.append(c)
            reply = self.ask(self.connect(ANN), 'Echo', {})
            if 'error' in reply:
                break
        self.check_limit(reply, 'repliesBytes', REPLY_BYTES // 2)
        self.assertTrue(self.is_served(self.connect(BEN)), 'the share of another')
        asking = self.connect(ANN)
        self.check_limit(self.ask(asking, 'Echo', {}), 'repliesBytes')
        for c in mute:
            c.close()
        for _ in range(1000):
            if self.is_served(asking):
                break
        self.assertTrue(self.is_served(asking), 'the same connection, later')


def main():
    global SERVER
    if os.geteuid() != 0:
        print('not root: skipped')
        return SKIPPED
    SERVER = harness.Server(types.SimpleNamespace(
        socket=None, command=[sys.argv[1], '{socket}']))
    os.chmod(SERVER.directory.name, 0o755)
    socket.setdefaulttimeout(harness.TIMEOUT)
    passed = unittest.main(argv=[sys.argv[0]], exit=False).result.wasSuccessful()
    return SERVER.stop() or not passed


if __name__ == '__main__':
    sys.exit(main())
