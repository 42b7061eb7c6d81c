# SPDX-License-Identifier: Apache-2.0
"""What users of lbrd share, and what one call or connection may take: every limit is met, told by
the name that Describe lists, leaves something to others, and is gone when things are given back.
Runs as root. usage: quotas.py FED-LBRD"""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'wire'))
import harness  # noqa: E402
from harness import Connection  # noqa: E402

ANN, BEN = 1000, 1001
SKIPPED = 77
POLICY = ''.join(f'allow {right} everyone\n'
                 for right in ('observe', 'attach', 'administer', 'addresses'))


class Lbrd:
    """With an empty ring and one record that never comes."""

    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(prefix='lbrd-quotas-')
        os.chmod(self.directory.name, 0o755)
        self.path = os.path.join(self.directory.name, 'socket')
        policy = os.path.join(self.directory.name, 'policy')
        pathlib.Path(policy).write_text(POLICY, encoding='utf-8')
        ring, self.feed = os.pipe()
        record = os.memfd_create('record')
        os.truncate(record, 4096)
        self.process = subprocess.Popen(
            [program, '--socket', self.path, '--policy', policy, '--cache', self.directory.name],
            env={**os.environ, 'LBRD_FEED': f'{ring},{record}'}, pass_fds=(ring, record))
        os.close(ring)
        os.close(record)
        deadline = time.monotonic() + harness.TIMEOUT
        while True:
            try:
                Connection(self.path).close()
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)
        os.chmod(self.path, 0o666)

    def stop(self):
        self.process.terminate()
        status = self.process.wait(harness.TIMEOUT)
        os.close(self.feed)
        self.directory.cleanup()
        return status


def connect(uid):
    """SO_PEERCRED tells who a process was when it connected."""
    os.seteuid(uid)
    try:
        return Connection(LBRD.path)
    finally:
        os.seteuid(0)


def selectors(first, n):
    return [{'kernelFunction': f'function_{i}'} for i in range(first, first + n)]


class QuotaTest(unittest.TestCase):
    def setUp(self):
        self.open = []

    def tearDown(self):
        for c in self.open:
            c.close()
        with connect(0) as c:
            self.call(c, 'Detach', {'all': True})
            for _ in range(1000):
                status = self.call(c, 'Describe')
                if not status['observers'] and not status['attachments']:
                    return
        self.fail('not all is given back')

    def connect(self, uid):
        self.open.append(connect(uid))
        return self.open[-1]

    def ask(self, c, method, parameters=None, **flags):
        c.call('io.lbrd.' + method, parameters, **flags)
        return c.read()

    def call(self, c, method, parameters=None, **flags):
        reply = self.ask(c, method, parameters, **flags)
        self.assertNotIn('error', reply)
        return reply['parameters']

    def check_limit(self, reply, name, value):
        self.assertEqual(reply.get('error'), 'io.lbrd.LimitReached', reply)
        self.assertEqual(reply['parameters']['name'], name)
        self.assertEqual(reply['parameters']['value'], value)
        self.assertTrue(reply['parameters']['hint'])
        with connect(0) as c:
            self.assertIn(name, [limit['name'] for limit in self.call(c, 'Describe')['limits']])

    def attach(self, c, first, n=1, persistent=True, **flags):
        return self.ask(c, 'Attach', {'targets': selectors(first, n), 'persistent': persistent},
                        **flags)


class Observers(QuotaTest):
    def fill(self, uid):
        for n in range(1000):
            reply = self.ask(self.connect(uid), 'Watch', more=True)
            if 'error' in reply:
                return n, reply
        self.fail('no limit')

    def test_each_user_finds_some(self):
        n, reply = self.fill(ANN)
        self.assertEqual(n, 256)
        self.check_limit(reply, 'observers', 256)
        # The connection that was refused goes on; only streams are too many.
        self.call(self.open[-1], 'List')
        reply = self.attach(self.open[-1], 0, more=True)
        self.check_limit(reply, 'observers', 256)
        with connect(0) as c:
            self.assertEqual(self.call(c, 'List')['attachments'], [])
        with connect(BEN) as c:
            observers, = (limit for limit in self.call(c, 'Describe')['limits']
                          if limit['name'] == 'observers')
        self.assertEqual((observers['value'], observers['used'], observers['share']),
                         (512, 256, 128))
        n, reply = self.fill(BEN)
        self.assertEqual(n, 128)
        n, reply = self.fill(0)
        self.assertEqual(n, 96)
        self.check_limit(reply, 'observers', 96)

    def test_given_back(self):
        self.fill(ANN)
        self.open[0].close()
        last = self.open[-1]
        for _ in range(1000):
            reply = self.ask(last, 'Watch', more=True)
            if 'error' not in reply:
                return
        self.fail(reply)

    def test_replay(self):
        c = self.connect(ANN)
        self.check_limit(self.ask(c, 'Watch', {'replay': 257}, more=True), 'replayEvents', 256)
        self.call(c, 'Watch', {'replay': 256}, more=True)


class Attachments(QuotaTest):
    def test_of_a_user(self):
        a, b = self.connect(ANN), self.connect(BEN)
        for i in range(512):
            self.assertNotIn('error', self.attach(a, i))
        self.check_limit(self.attach(a, 0), 'attachments', 512)
        self.check_limit(self.attach(self.connect(ANN), 0), 'attachments', 512)
        self.assertNotIn('error', self.attach(b, 0))
        first = self.call(a, 'List')['attachments'][0]['id']
        self.call(a, 'Detach', {'attachment': first})
        self.assertNotIn('error', self.attach(a, 0))
        # What is persistent stays its user's when the connection is gone.
        a.close()
        self.check_limit(self.attach(self.connect(ANN), 0), 'attachments', 512)

    def test_of_a_connection(self):
        c = self.connect(ANN)
        for i in range(256):
            self.assertNotIn('error', self.attach(c, i, persistent=False))
        self.check_limit(self.attach(c, 0, persistent=False), 'connectionAttachments', 256)
        self.assertNotIn('error', self.attach(self.connect(ANN), 0, persistent=False))
        c.close()
        again = self.connect(ANN)
        for _ in range(1000):
            if len(self.call(again, 'List')['attachments']) == 1:
                break
        for i in range(256):
            self.assertNotIn('error', self.attach(again, i, persistent=False))

    def test_targets(self):
        c = self.connect(ANN)
        self.check_limit(self.attach(c, 0, 1025), 'selectors', 1024)
        for i in range(8):
            self.assertNotIn('error', self.attach(c, 1024 * i, 1024))
        self.check_limit(self.attach(c, 0), 'allTargets', 8192)
        self.assertNotIn('error', self.attach(self.connect(BEN), 0))
        self.call(c, 'Detach', {'attachment': self.call(c, 'List')['attachments'][0]['id']})
        self.assertNotIn('error', self.attach(c, 0, 1023))


class Storm(QuotaTest):
    def descriptors(self):
        """How many lbrd has open when one client is connected and nothing is attached."""
        with connect(0) as c:
            for _ in range(1000):
                status = self.call(c, 'Describe')
                counters = {k['name']: k['value'] for k in status['counters']}
                if counters['connections'] == 1 and counters['tracers'] == 0:
                    self.assertEqual((status['attachments'], status['observers']), (0, 0))
                    return len(os.listdir(f'/proc/{LBRD.process.pid}/fd'))
        self.fail(f'not all is given back: {status}')

    def test_streams_that_come_and_go(self):
        """No file descriptor, observer or attachment is left of thousands of short clients."""
        before = self.descriptors()
        for i in range(3000):
            with connect((0, ANN, BEN)[i % 3]) as c:
                if i % 4 == 0:
                    c.call('io.lbrd.Attach', {'targets': selectors(i, 2)}, more=True)
                elif i % 4 == 1:
                    c.call('io.lbrd.Watch', {'replay': 10}, more=True)
                elif i % 4 == 2:
                    c.send(b'{"method":"io.lb')
        self.assertEqual(self.descriptors(), before)


def main():
    global LBRD
    if os.geteuid() != 0:
        print('not root: skipped')
        return SKIPPED
    LBRD = Lbrd(sys.argv[1])
    try:
        passed = unittest.main(argv=[sys.argv[0]], exit=False).result.wasSuccessful()
    finally:
        with contextlib.suppress(ProcessLookupError):
            status = LBRD.stop()
    return status or not passed


if __name__ == '__main__':
    sys.exit(main())
