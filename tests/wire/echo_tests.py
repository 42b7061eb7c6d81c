# SPDX-License-Identifier: Apache-2.0
"""What only the test server can be asked for: streams of any length, failing handlers, counters."""
import os
import signal
import socket
import threading
import time
import unittest

import harness
from harness import Connection

SERVER = None
INTERFACE = 'org.example.wire.'


class EchoTest(unittest.TestCase):
    def setUp(self):
        self.c = Connection(SERVER.path)

    def tearDown(self):
        self.c.close()

    def status(self):
        with Connection(SERVER.path) as c:
            c.call(INTERFACE + 'Status')
            return c.read()['parameters']

    def wait_until(self, condition):
        deadline = time.monotonic() + harness.TIMEOUT
        while not condition(self.status()):
            self.assertLess(time.monotonic(), deadline, self.status())
            time.sleep(0.005)


class Replies(EchoTest):
    def test_parameters_come_back_unchanged(self):
        parameters = {'text': 'ä€😀"\\/\n\t\x01', 'number': -9223372036854775808, 'ratio': 0.5,
                      'list': [1, 2, 9223372036854775807], 'kind': 'two',
                      'nested': {'flag': False, 'limit': 3}, 'map': {'a': 1, 'ä"': 2}}
        self.c.call(INTERFACE + 'Echo', parameters)
        self.assertEqual(self.c.read(), {'parameters': parameters})

    def test_parameters_are_checked_at_every_depth(self):
        for parameters, place in (
                ({'nested': {'limit': 1}}, 'nested.flag'),
                ({'nested': {'flag': True, 'limit': 'x'}}, 'nested.limit'),
                ({'nested': {'flag': True, 'x': 1}}, 'nested.x'),
                ({'kind': 'three'}, 'kind'), ({'map': {'k': 'x'}}, 'map.k'),
                ({'ratio': '1'}, 'ratio'), ({'text': 1}, 'text')):
            self.c.call(INTERFACE + 'Echo', parameters)
            self.assertEqual(self.c.read(), {'error': 'org.varlink.service.InvalidParameter',
                                             'parameters': {'parameter': place}})

    def test_missing_parameter(self):
        for parameters in (None, {}, {'number': None}):
            self.c.call(INTERFACE + 'Require', parameters)
            self.assertEqual(self.c.read()['parameters'], {'parameter': 'number'})
        self.c.call(INTERFACE + 'Require', {'number': 7})
        self.assertEqual(self.c.read(), {'parameters': {'number': 7}})

    def test_a_declared_error(self):
        self.c.call(INTERFACE + 'Refuse')
        self.assertEqual(self.c.read(), {'error': INTERFACE + 'Refused',
                                         'parameters': {'why': 'as asked'}})

    def test_a_failing_handler(self):
        for forget in (False, True):
            self.c.call(INTERFACE + 'Break', {'forget': forget})
            reply = self.c.read()
            self.assertEqual(reply['error'], INTERFACE + 'Internal')
            self.assertIn('Break failed', reply['parameters']['message'])

    def test_a_later_answer_keeps_the_order(self):
        for _ in range(3):
            self.c.call(INTERFACE + 'Later')
            self.c.call(INTERFACE + 'Echo', {'number': 1})
        for _ in range(3):
            self.assertEqual(self.c.read(), {'parameters': {'late': True}})
            self.assertEqual(self.c.read(), {'parameters': {'number': 1}})

    def test_a_later_answer_to_oneway(self):
        self.c.call(INTERFACE + 'Later', oneway=True)
        self.c.call(INTERFACE + 'Echo', {'number': 1})
        self.assertEqual(self.c.read(), {'parameters': {'number': 1}})

    def test_oneway_calls_are_carried_out(self):
        before = self.status()['calls']
        for _ in range(10):
            self.c.call(INTERFACE + 'Echo', oneway=True)
        self.c.close()
        self.wait_until(lambda status: status['calls'] == before + 10)

    def test_credentials(self):
        status = self.status()
        self.assertEqual((status['userId'], status['processId']), (os.getuid(), os.getpid()))
        self.assertEqual(sorted(status['groups']), sorted(os.getgroups()))

    @unittest.skipUnless(os.getuid() == 0, 'only root can be in other groups')
    def test_many_groups(self):
        before, many = os.getgroups(), list(range(1000, 1300))
        os.setgroups(many)
        try:
            self.assertEqual(self.status()['groups'], many)
        finally:
            os.setgroups(before)

    def test_a_guarded_method_answers_nothing_else(self):
        denied = {'error': 'org.varlink.service.PermissionDenied',
                  'parameters': {'message': 'as told'}}
        # Neither what is wrong with a call nor what it lacks is told to who may not make it.
        for parameters in ({}, {'number': 1}, {'number': 'x'}, {'nosuch': 1}):
            self.c.call(INTERFACE + 'Guarded', parameters)
            self.assertEqual(self.c.read(), denied)
        self.c.call(INTERFACE + 'Guarded', more=True)
        self.assertEqual(self.c.read(), denied)
        self.c.call(INTERFACE + 'Echo', {'number': 1})
        self.assertEqual(self.c.read(), {'parameters': {'number': 1}})

    def test_large_calls_up_to_the_limit(self):
        for size in (8191, 8192, 8193, 30000, 65000):
            self.c.call(INTERFACE + 'Echo', {'text': 'x' * size})
            self.assertEqual(len(self.c.read()['parameters']['text']), size)


class Streams(EchoTest):
    def check_stream(self, count, padding):
        for i in range(count + 1):
            reply = self.c.read()
            self.assertEqual(reply['parameters']['number'], i)
            self.assertEqual(len(reply['parameters'].get('padding') or ''), padding)
            self.assertEqual(reply.get('continues', False), i < count)

    def test_streams_and_calls_in_order(self):
        for count in (0, 1, 100):
            self.c.call(INTERFACE + 'Count', {'count': count}, more=True)
            self.c.call(INTERFACE + 'Echo', {'number': count})
        for count in (0, 1, 100):
            self.check_stream(count, 0)
            self.assertEqual(self.c.read(), {'parameters': {'number': count}})

    def test_a_slow_reader_gets_everything(self):
        # Larger than the socket's buffer: the queue, the drained event and the turns take part.
        self.c.call(INTERFACE + 'Count', {'count': 2000, 'padding': 5000}, more=True)
        self.c.call(INTERFACE + 'Echo', {'number': 1})
        time.sleep(0.1)
        self.check_stream(2000, 5000)
        self.assertEqual(self.c.read(), {'parameters': {'number': 1}})

    def test_half_close_gets_the_whole_stream(self):
        self.c.call(INTERFACE + 'Count', {'count': 500, 'padding': 5000}, more=True)
        self.c.call(INTERFACE + 'Echo', {'number': 1})
        self.c.socket.shutdown(socket.SHUT_WR)
        self.check_stream(500, 5000)
        self.assertEqual(self.c.read(), {'parameters': {'number': 1}})
        self.assertIsNone(self.c.read())

    def test_disappearing_in_every_state(self):
        self.c.close()
        self.wait_until(lambda status: status['openStreams'] == 0)
        before = self.status()['closedStreams']

        def idle(c):
            c.call(INTERFACE + 'Forever', more=True)
            c.read()

        def unread(c):
            c.call(INTERFACE + 'Forever', more=True)

        def all_at_once(c):
            # The server sees the call and the end of the connection together.
            os.kill(SERVER.process.pid, signal.SIGSTOP)
            try:
                c.call(INTERFACE + 'Forever', more=True)
                c.close()
            finally:
                os.kill(SERVER.process.pid, signal.SIGCONT)

        def half_closed(c):
            idle(c)
            c.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.02)

        def call_behind(c):
            idle(c)
            c.call(INTERFACE + 'Echo')
            time.sleep(0.02)

        def garbage_behind(c):
            idle(c)
            c.send(b'x' * 200000)
            time.sleep(0.02)

        def never_read(c):
            c.call(INTERFACE + 'Count', {'count': 100000, 'padding': 5000}, more=True)
            time.sleep(0.02)

        def mid_stream(c):
            never_read(c)
            c.read()

        states = (idle, unread, all_at_once, half_closed, call_behind, garbage_behind, never_read, mid_stream)
        for n, state in enumerate(states, 1):
            with self.subTest(state.__name__):
                with Connection(SERVER.path) as c:
                    state(c)
                self.wait_until(lambda status: status['openStreams'] == 0
                                and status['closedStreams'] == before + n
                                and status['peers'] == 1)

    def test_idle_streams_cost_no_time(self):
        pid = SERVER.process.pid
        connections = [Connection(SERVER.path) for _ in range(10)]
        for i, c in enumerate(connections):
            c.call(INTERFACE + 'Forever', more=True)
            c.read()
            if i % 2:
                c.socket.shutdown(socket.SHUT_WR)
            else:
                c.call(INTERFACE + 'Echo')
        time.sleep(0.1)
        before = cpu_ticks(pid)
        time.sleep(0.5)
        self.assertLess(cpu_ticks(pid) - before, 10)
        for c in connections:
            c.close()


class Drops(EchoTest):
    def test_reasons_are_reported(self):
        for data, reason in ((b'garbage\0', 'not well-formed JSON'), (b'[]\0', 'not a JSON object'),
                             (b'{"a":' + b'[' * 99 + b'\0', 'nested too deep'),
                             (b'x' * 70000, 'message too large'),
                             (b'{"a":1,"a":1}\0', 'a member twice in one object'),
                             (harness.message(INTERFACE + 'DropMe'), 'as asked')):
            before = self.status()['dropped']
            with Connection(SERVER.path) as c:
                c.send(data)
                while c.read():
                    pass  # the limit, where it was one
            self.wait_until(lambda status: status['dropped'] == before + 1)
            self.assertEqual(self.status()['lastReason'], reason)

    def test_going_is_no_reason(self):
        before = self.status()['dropped']
        with Connection(SERVER.path) as c:
            c.call(INTERFACE + 'Forever', more=True)
            c.read()
        self.wait_until(lambda status: status['openStreams'] == 0)
        self.assertEqual(self.status()['dropped'], before)


class Memory(EchoTest):
    def test_a_client_that_reads_late_gets_every_answer(self):
        # More than a server may queue: it stops reading calls, and goes on when there is room.
        number = 3000

        def send():
            for i in range(number):
                self.c.call(INTERFACE + 'Echo', {'number': i, 'text': 'x' * 1000})

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.2)
        self.assertTrue(sender.is_alive())
        for i in range(number):
            self.assertEqual(self.c.read()['parameters']['number'], i)
        sender.join()

    def test_a_client_that_never_reads_costs_a_bounded_amount(self):
        pid = SERVER.process.pid
        before = resident_kilobytes(pid)
        calls = self.status()['calls']
        data = harness.message(INTERFACE + 'Echo', {'text': 'x' * 1000}) * 50
        self.assertLess(self.c.send_until_full(data, self.status), 8 << 20)
        # It was the limit that stopped it, not only the buffers of the sockets.
        self.assertGreater(self.status()['calls'] - calls, 200)
        self.assertLess(resident_kilobytes(pid) - before, 32 << 10)


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident_kilobytes(pid):
    with open(f'/proc/{pid}/statm', encoding='ascii') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') // 1024
