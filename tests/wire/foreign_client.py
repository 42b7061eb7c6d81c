#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client that is not ours, python3-varlink, reads the interface and calls methods.

LBRD_PYTHON_VARLINK names the folder that holds its package `varlink` (or an unpacked .deb); without
it the test is skipped.
"""
import json
import os
import sys

import harness


def find_library():
    folder = os.environ.get('LBRD_PYTHON_VARLINK')
    if not folder:
        print('LBRD_PYTHON_VARLINK is not set: skipped')
        sys.exit(77)
    for candidate in (folder, os.path.join(folder, 'usr/lib/python3/dist-packages')):
        if os.path.isdir(os.path.join(candidate, 'varlink')):
            sys.path.insert(0, candidate)
            return
    sys.exit(f'{folder}: no package varlink in it')


def expect(what, condition):
    print(('ok' if condition else 'FAILED') + ': ' + what)
    if not condition:
        sys.exit(1)


def expect_error(what, name, function, *arguments):
    import varlink
    try:
        function(*arguments)
    except varlink.VarlinkError as error:
        expect(f'{what} gives {name}', error.error() == name)
        return error.parameters()
    expect(f'{what} gives {name}', False)


def ask_unchecked(connection, method, parameters):
    """Calls without the library's own checks, so that the server's are seen."""
    call = {'method': method, 'parameters': parameters}
    connection._send_message(json.dumps(call).encode())
    return connection._next_varlink_message()


def check(path, profile):
    import varlink
    with varlink.Client.new_with_address('unix:' + path) as client:
        info = client.get_interfaces()
        expect('it finds the interfaces',
               set(info) == {'org.varlink.service', profile['interface']})
        description = client.get_interface(profile['interface'])
        for name in (profile['plain'], profile['stream'], profile['number'][0]):
            expect(f'it understands the declaration of {name}',
                   name in description.members)
        with client.open(profile['interface'], namespaced=False) as connection:
            reply = getattr(connection, profile['plain'])()
            expect(f'{profile["plain"]} answers',
                   not profile['plain_key'] or profile['plain_key'] in reply)
            stream = getattr(connection, profile['stream'])
            expect_error('a stream without more', 'org.varlink.service.ExpectedMore', stream)
            prefix = profile['interface'] + '.'
            expect_error('an unknown method', 'org.varlink.service.MethodNotFound',
                         ask_unchecked, connection, prefix + 'NoSuchMethod', {})
            name, key = profile['number']
            parameters = expect_error('a wrong type', 'org.varlink.service.InvalidParameter',
                                      ask_unchecked, connection, prefix + name, {key: 'x'})
            expect(f'the error names the parameter: {parameters}', parameters == {'parameter': key})
            reply = getattr(connection, profile['plain'])()
            expect('the connection goes on', reply is not None)
        with client.open(profile['interface'], namespaced=False) as connection:
            replies = getattr(connection, profile['stream'])(_more=True)
            expect('the stream begins with ready', dict(next(replies)).get('ready') is True)


def main():
    arguments = harness.parse_arguments(__doc__.splitlines()[0])
    find_library()
    server = harness.Server(arguments)
    try:
        check(server.path, harness.PROFILES[arguments.profile])
    finally:
        status = server.stop()
    return status


if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(__file__))
    sys.exit(main())
