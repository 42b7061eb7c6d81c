#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wire as Varlink demands it, against any server of daemon/wire:

    test_wire.py --profile lbrd --socket PATH [-- COMMAND…]

After every test the connection state is checked and another client is served.
"""
import os
import socket
import sys
import time
import unittest

import harness
from harness import Connection, message

SERVICE = 'org.varlink.service.'
ARGUMENTS = None
PROFILE = None
SERVER = None


def method(name):
    return PROFILE['interface'] + '.' + name


class WireTest(unittest.TestCase):
    def setUp(self):
        self.c = Connection(SERVER.path)

    def tearDown(self):
        self.c.close()
        with Connection(SERVER.path) as other:
            self.check_served(other)

    def check_plain(self, reply):
        self.assertIsNotNone(reply)
        self.assertNotIn('error', reply)
        self.assertNotIn('continues', reply)
        if PROFILE['plain_key']:
            self.assertIn(PROFILE['plain_key'], reply['parameters'])

    def check_served(self, connection):
        connection.call(method(PROFILE['plain']))
        self.check_plain(connection.read())

    def check_error(self, name, parameters):
        reply = self.c.read()
        self.assertEqual(reply, {'error': SERVICE + name, 'parameters': parameters})

    def check_limit(self, reply, name, value):
        self.assertEqual(reply['error'], method('LimitReached'))
        self.assertEqual(reply['parameters']['name'], name)
        self.assertEqual(reply['parameters']['value'], value)
        self.assertTrue(reply['parameters']['hint'])

    def check_refused_but_intact(self, data, name, parameters):
        self.c.send(data)
        self.check_error(name, parameters)
        self.check_served(self.c)

    def check_disconnected(self, data):
        """What is no message ends the connection, after the answers that were due before."""
        with Connection(SERVER.path) as c:
            c.send(message(method(PROFILE['plain'])) + data)
            self.check_plain(c.read())
            self.assertIsNone(c.read(), data)

    def open_stream(self, connection):
        connection.call(method(PROFILE['stream']), more=True)
        reply = connection.read()
        self.assertEqual(reply['parameters'].get('ready'), True)
        self.assertIs(reply.get('continues'), True)


class Framing(WireTest):
    def test_split_at_every_byte(self):
        data = message(method(PROFILE['plain']), {}) * 2
        for at in range(len(data)):
            self.c.send(data[:at])
            time.sleep(0.001)
            self.c.send(data[at:])
            self.check_plain(self.c.read())
            self.check_plain(self.c.read())

    def test_one_byte_at_a_time(self):
        for byte in message(method(PROFILE['plain'])):
            self.c.send(bytes([byte]))
            time.sleep(0.0005)
        self.check_plain(self.c.read())

    def test_many_calls_in_one_write(self):
        number = 200
        self.c.send(message(method(PROFILE['plain'])) * number)
        for _ in range(number):
            self.check_plain(self.c.read())
        self.assertTrue(self.c.is_silent())

    def test_answers_are_in_order(self):
        names = [f'{PROFILE["interface"]}.No{i}' for i in range(100)]
        self.c.send(b''.join(map(message, names)))
        for name in names:
            self.check_error('MethodNotFound', {'method': name})

    def test_half_close_still_gets_its_answers(self):
        self.c.send(message(method(PROFILE['plain'])) * 3)
        self.c.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            self.check_plain(self.c.read())
        self.assertIsNone(self.c.read())

    def test_half_close_within_a_message(self):
        self.c.send(message(method(PROFILE['plain'])) + b'{"method"')
        self.c.socket.shutdown(socket.SHUT_WR)
        self.check_plain(self.c.read())
        self.assertIsNone(self.c.read())

    def test_half_close_without_a_call(self):
        self.c.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(self.c.read())

    def test_oversized(self):
        # The limit is met whether the message ever ends or not, so that memory stays bounded.
        for end in (b'', b'"}\0'):
            with Connection(SERVER.path) as c:
                c.call(method(PROFILE['plain']))
                self.check_plain(c.read())
                data = b'{"method":"' + b'x' * (ARGUMENTS.max_message + 1) + end
                try:
                    c.send(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.check_limit(c.read(), 'callBytes', ARGUMENTS.max_message)
                self.assertIsNone(c.read())

    def test_many_short_connections(self):
        for i in range(1000):
            with Connection(SERVER.path) as c:
                if i % 3 == 0:
                    self.check_served(c)
                elif i % 3 == 1:
                    c.call(method(PROFILE['plain']))


class Syntax(WireTest):
    def test_garbage(self):
        for data in (b'\0', b' \0', b'garbage\0', b'{\0', b'}\0', b'{]\0', b'{"method":}\0',
                     b'\xff\xfe\xfd\0', b'GET / HTTP/1.1\r\n\r\n\0', b'[1,2\0', b'{"a":1,}\0',
                     b"{'method':'x'}\0", b'{"a":NaN}\0', b'{"a":01}\0', b'{"a":+1}\0'):
            self.check_disconnected(data)

    def test_top_level_is_no_object(self):
        for data in (b'[]\0', b'1\0', b'"x"\0', b'null\0', b'true\0'):
            self.check_disconnected(data)

    def test_trailing_bytes(self):
        plain = message(method(PROFILE['plain']))[:-1]
        for data in (plain + b' x\0', plain + plain + b'\0', plain + b'}\0', plain + b',\0'):
            self.check_disconnected(data)

    def test_white_space_around_is_fine(self):
        self.c.send(b' \n' + message(method(PROFILE['plain']))[:-1] + b'\t\r\n \0')
        self.check_plain(self.c.read())

    def test_invalid_utf8(self):
        for bad in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xc3'):
            self.check_disconnected(b'{"method":"' + bad + b'"}\0')

    def test_duplicate_keys(self):
        self.check_disconnected(b'{"method":"a.b.C","method":"a.b.C"}\0')
        self.check_disconnected(b'{"method":"a.b.C","parameters":{"a":1,"\\u0061":1}}\0')

    def test_too_deep(self):
        for data in (b'[' * 10000, b'{"a":' + b'[' * 1000 + b']' * 1000 + b'}}'):
            with Connection(SERVER.path) as c:
                c.send(b'{"method":"a.b.C","parameters":' + data + b'\0')
                self.check_limit(c.read(), 'jsonDepth', 16)
                self.assertIsNone(c.read())


class Calls(WireTest):
    def test_unknown_members_of_a_call_are_ignored(self):
        self.c.send(message(method(PROFILE['plain']), {}, extra=[1, {'a': None}], future='x'))
        self.check_plain(self.c.read())

    def test_no_parameters_in_three_ways(self):
        name = method(PROFILE['plain']).encode()
        for parameters in (b'', b',"parameters":null', b',"parameters":{}'):
            self.c.send(b'{"method":"' + name + b'"' + parameters + b'}\0')
            self.check_plain(self.c.read())

    def test_null_flags_mean_false(self):
        self.c.call(method(PROFILE['plain']), more=None, oneway=None, upgrade=None)
        self.check_plain(self.c.read())

    def test_more_is_allowed_where_it_is_not_needed(self):
        self.c.call(method(PROFILE['plain']), more=True)
        self.check_plain(self.c.read())

    def test_wrong_types_of_a_call(self):
        plain = method(PROFILE['plain'])
        for data, parameter in (
                (b'{}\0', 'method'), (b'{"method":1}\0', 'method'),
                (b'{"method":null}\0', 'method'), (b'{"method":""}\0', 'method'),
                (b'{"method":"nodots"}\0', 'method'),
                (message(plain + '\0x'), 'method'),
                (message(plain, [1]), 'parameters'), (message(plain, 'x'), 'parameters'),
                (message(plain, more='yes'), 'more'), (message(plain, more=1), 'more'),
                (message(plain, oneway='yes'), 'oneway'), (message(plain, upgrade=0), 'upgrade')):
            self.check_refused_but_intact(data, 'InvalidParameter', {'parameter': parameter})

    def test_unknown_method_and_interface(self):
        unknown = method('NoSuchMethod')
        self.check_refused_but_intact(message(unknown), 'MethodNotFound', {'method': unknown})
        self.check_refused_but_intact(message('no.such.Method'), 'InterfaceNotFound',
                                      {'interface': 'no.such'})
        # Names are matched whole.
        longer = PROFILE['interface'] + 'x'
        self.check_refused_but_intact(message(longer + '.' + PROFILE['plain']),
                                      'InterfaceNotFound', {'interface': longer})
        lower = method(PROFILE['plain'].lower())
        self.check_refused_but_intact(message(lower), 'MethodNotFound', {'method': lower})

    def test_unknown_parameter(self):
        self.check_refused_but_intact(message(method(PROFILE['plain']), {'bogus': 1}),
                                      'InvalidParameter', {'parameter': 'bogus'})

    def test_wrong_types_of_an_int(self):
        name, key = PROFILE['number']
        for text in ('"1"', '1.5', '1.0', '1e2', '1e400', '-1e400', '9223372036854775808',
                     '-9223372036854775809', '99999999999999999999999', 'true', '[]', '{}'):
            data = f'{{"method":"{method(name)}","parameters":{{"{key}":{text}}}}}\0'
            self.check_refused_but_intact(data.encode(), 'InvalidParameter', {'parameter': key})

    def test_place_of_a_wrong_element(self):
        name, key = PROFILE['numbers']
        for value, place in (('x', key), ({}, key), ([1, 'x'], key + '[1]'),
                             ([None], key + '[0]'), ([1, 2, [3]], key + '[2]')):
            self.check_refused_but_intact(message(method(name), {key: value}, more=True),
                                          'InvalidParameter', {'parameter': place})

    def test_expected_more(self):
        self.check_refused_but_intact(message(method(PROFILE['stream'])), 'ExpectedMore', {})

    def test_upgrade_is_not_implemented(self):
        plain = method(PROFILE['plain'])
        self.check_refused_but_intact(message(plain, upgrade=True), 'MethodNotImplemented',
                                      {'method': plain})

    def test_oneway_gets_nothing(self):
        for data in (message(method(PROFILE['plain']), oneway=True),
                     message(method('NoSuchMethod'), oneway=True),
                     message('no.such.Method', oneway=True),
                     message(method(PROFILE['plain']), {'bogus': 1}, oneway=True),
                     message(method(PROFILE['stream']), oneway=True),
                     b'{"oneway":true}\0'):
            self.c.send(data)
        self.assertTrue(self.c.is_silent())
        self.check_served(self.c)

    def test_more_and_oneway_together(self):
        self.check_disconnected(message(method(PROFILE['plain']), more=True, oneway=True))


class Service(WireTest):
    def test_get_info(self):
        self.c.call(SERVICE + 'GetInfo')
        info = self.c.read()['parameters']
        self.assertEqual(set(info), {'vendor', 'product', 'version', 'url', 'interfaces'})
        self.assertEqual(set(info['interfaces']),
                         {'org.varlink.service', PROFILE['interface']})

    def test_get_interface_description(self):
        for interface in ('org.varlink.service', PROFILE['interface']):
            self.c.call(SERVICE + 'GetInterfaceDescription', {'interface': interface})
            text = self.c.read()['parameters']['description']
            self.assertIn(f'\ninterface {interface}\n', '\n' + text)

    def test_errors(self):
        call = SERVICE + 'GetInterfaceDescription'
        for data, name, parameters in (
                (message(call, {'interface': 'no.such'}), 'InterfaceNotFound',
                 {'interface': 'no.such'}),
                (message(call), 'InvalidParameter', {'parameter': 'interface'}),
                (message(call, {'interface': None}), 'InvalidParameter',
                 {'parameter': 'interface'}),
                (message(call, {'interface': 'a\0b'}), 'InvalidParameter',
                 {'parameter': 'interface'}),
                (message(call, {'interface': 1}), 'InvalidParameter', {'parameter': 'interface'}),
                (message(SERVICE + 'GetInfo', {'x': 1}), 'InvalidParameter', {'parameter': 'x'}),
                (message(SERVICE + 'Nothing'), 'MethodNotFound',
                 {'method': SERVICE + 'Nothing'})):
            self.check_refused_but_intact(data, name, parameters)


class Streams(WireTest):
    def test_a_call_behind_a_stream_waits(self):
        self.open_stream(self.c)
        self.c.call(method(PROFILE['plain']))
        self.assertTrue(self.c.is_silent())

    def test_what_is_sent_behind_a_stream_is_bounded(self):
        self.open_stream(self.c)
        self.assertLess(self.send_until_full(), 8 << 20)

    def send_until_full(self):
        """Sends calls until the server takes no more; returns the number of bytes."""
        with Connection(SERVER.path) as other:
            return self.c.send_until_full(message(method(PROFILE['plain'])) * 100,
                                          lambda: self.check_served(other))

    def test_half_close_keeps_the_stream(self):
        self.open_stream(self.c)
        self.c.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(self.c.is_silent())

    def test_a_reader_that_never_reads(self):
        sent = self.send_until_full()
        self.assertLess(sent, 8 << 20)
        # It still has every answer to what it sent, once it reads.
        whole = sent // len(message(method(PROFILE['plain'])))
        self.c.socket.shutdown(socket.SHUT_WR)
        for _ in range(whole):
            self.check_plain(self.c.read())
        self.assertIsNone(self.c.read())

    def test_disappearing_with_replies_unread(self):
        for _ in range(20):
            with Connection(SERVER.path) as c:
                c.send(message(method(PROFILE['plain'])) * 50)
            with Connection(SERVER.path) as c:
                self.open_stream(c)


class PeerLimit(WireTest):
    def test_peer_limit(self):
        if not ARGUMENTS.max_peers:
            self.skipTest('no --max-peers')
        connections = []
        try:
            for _ in range(ARGUMENTS.max_peers + 10):
                connections.append(Connection(SERVER.path))
            refused = 0
            for c in connections:
                try:
                    c.call(method(PROFILE['plain']))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                reply = c.read()
                if 'error' not in reply:
                    continue
                refused += 1
                # Root may have three quarters when there is nobody else, others half.
                share = 75 if os.geteuid() == 0 else 50
                self.check_limit(reply, 'connections', ARGUMENTS.max_peers * share // 100)
                self.assertIsNone(c.read())
            # This test's own connection is one of those that are served; others of the machine
            # may be connected to a server that was running before.
            self.assertGreaterEqual(refused, 11)
        finally:
            for c in connections:
                c.close()
        self.wait_for_room()

    def wait_for_room(self):
        deadline = time.monotonic() + harness.TIMEOUT
        while time.monotonic() < deadline:
            with Connection(SERVER.path) as c:
                try:
                    c.call(method(PROFILE['plain']))
                    if 'error' not in (c.read() or {'error': ''}):
                        return
                except OSError:
                    pass
            time.sleep(0.01)
        self.fail('the places of closed connections are not free again')


def main():
    global ARGUMENTS, PROFILE, SERVER
    ARGUMENTS = harness.parse_arguments(__doc__.splitlines()[0])
    PROFILE = harness.PROFILES[ARGUMENTS.profile]
    SERVER = harness.Server(ARGUMENTS)
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromModule(sys.modules[__name__])
    if ARGUMENTS.profile == 'echo':
        import echo_tests
        echo_tests.SERVER = SERVER
        suite.addTests(loader.loadTestsFromModule(echo_tests))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    status = SERVER.stop()
    if status:
        print(f'the server ended with {status}', file=sys.stderr)
    return 0 if result.wasSuccessful() and not status else 1


if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(__file__))
    sys.exit(main())
