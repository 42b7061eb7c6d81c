# SPDX-License-Identifier: Apache-2.0
"""What the wire tests share: starting a server, and a connection that hides nothing."""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

TIMEOUT = 10

# What the tests need to know of a served interface:
#   plain      a method that answers once, without parameters
#   plain_key  a member of that answer, None when it may be empty
#   stream     a method that needs `more`, says {"ready": true} first and does not end by itself
#   number     a method with a nullable int parameter, and that parameter
#   numbers    a method with a nullable array of int, and that parameter (may need `more`)
PROFILES = {
    'echo': {
        'interface': 'org.example.wire', 'plain': 'Echo', 'plain_key': None,
        'stream': 'Forever', 'number': ('Echo', 'number'), 'numbers': ('Echo', 'list'),
    },
    'lbrd': {
        'interface': 'io.lbrd', 'plain': 'List', 'plain_key': 'attachments',
        'stream': 'Watch', 'number': ('Detach', 'attachment'), 'numbers': ('Watch', 'attachments'),
    },
}


def parse_arguments(description):
    parser = argparse.ArgumentParser(
        description=description,
        epilog='COMMAND is started first, {socket} in it standing for the path of the socket.')
    parser.add_argument('--profile', choices=PROFILES, default='lbrd')
    parser.add_argument('--socket', help='of a server that runs already, or that COMMAND makes')
    parser.add_argument('--max-peers', type=int, default=0, help='0: do not try the limit')
    parser.add_argument('--max-message', type=int, default=1 << 20, help='no call is longer')
    parser.add_argument('--needs-root', action='store_true', help='without it, skip (77)')
    parser.add_argument('command', nargs='*', metavar='COMMAND')
    arguments = parser.parse_args()
    if not arguments.socket and not arguments.command:
        parser.error('give a socket or a command')
    if arguments.needs_root and os.geteuid() != 0:
        print('not root: skipped')
        sys.exit(77)
    return arguments


class Server:
    """A server under test: started here, or found at its socket."""

    def __init__(self, arguments):
        self.process = None
        self.directory = tempfile.TemporaryDirectory(prefix='lbrd-wire-')
        self.path = arguments.socket or os.path.join(self.directory.name, 'socket')
        if arguments.command:
            command = [word.replace('{socket}', self.path) for word in arguments.command]
            self.process = subprocess.Popen(command)
        self.wait()

    def wait(self):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                Connection(self.path).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                if self.process and self.process.poll() is not None:
                    raise RuntimeError(f'the server ended with {self.process.returncode}')
                time.sleep(0.02)

    def stop(self):
        """Ends it, and returns its exit status (0 for one that was not started here)."""
        status = 0
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(TIMEOUT)
        self.directory.cleanup()
        return status


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        self.pending = b''
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def call(self, method, parameters=None, **flags):
        self.send(message(method, parameters, **flags))

    def send_until_full(self, data, take_turn, most=64 << 20):
        """Sends `data` over and over until the server takes no more, though it has had turns since,
        enough to read what lies in the socket: take_turn() returns when it has answered somebody
        else. Returns how many bytes it took."""
        sent = idle = 0
        self.socket.setblocking(False)
        while idle < 100 and sent < most:
            try:
                sent += self.socket.send(data[sent % len(data):])
                idle = 0
            except BlockingIOError:
                take_turn()
                idle += 1
        self.socket.settimeout(TIMEOUT)
        return sent

    def read(self):
        """The next reply as an object; None when the server has closed the connection."""
        while b'\0' not in self.pending:
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                data = b''
            if not data:
                if self.pending:
                    raise AssertionError(f'cut off within a message: {self.pending!r}')
                return None
            self.pending += data
        text, self.pending = self.pending.split(b'\0', 1)
        return json.loads(text.decode('utf-8'))

    def is_silent(self, seconds=0.1):
        """Whether nothing comes, not even the end."""
        self.socket.settimeout(seconds)
        try:
            return not self.pending and self.socket.recv(1) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT)


def message(method, parameters=None, **flags):
    call = {'method': method, **flags}
    if parameters is not None:
        call['parameters'] = parameters
    return json.dumps(call).encode() + b'\0'
