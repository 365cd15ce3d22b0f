"""A terminal with a program in it, and someone who types when the right words appear."""

import codecs
import errno
import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time

from support import limits


class Terminal:
    """Runs a program in a new session on a pseudo-terminal of its own."""

    def __init__(self, argv, env, columns=None, rows=24):
        self.screen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may come in two parts
        master, slave = pty.openpty()
        self._master = master
        if columns is not None:
            termios.tcsetwinsize(slave, (rows, columns))
        try:
            self.process = subprocess.Popen([str(a) for a in argv], env=env, stdin=slave, stdout=slave, stderr=slave,
                                            start_new_session=True, preexec_fn=_take_terminal)
        finally:
            os.close(slave)
        self._seen = 0

    def type(self, text):
        os.write(self._master, text.encode())

    def resize(self, rows, columns):
        """As a window does that is dragged larger or smaller: the system tells the program in it."""
        termios.tcsetwinsize(self._master, (rows, columns))

    def expect(self, pattern, deadline=limits.COMMAND_DEADLINE):
        """Waits for `pattern` in what has been shown since the last match."""
        end = time.monotonic() + deadline
        while True:
            match = re.search(pattern, self.screen[self._seen :])
            if match:
                self._seen += match.end()
                return match
            if not self._read(end - time.monotonic()):
                self.close()
                raise AssertionError(f"never saw {pattern!r} on:\n{self.screen}")

    def wait(self, deadline=limits.COMMAND_DEADLINE):
        """The program's exit status after it has ended by itself."""
        end = time.monotonic() + deadline
        while self._read(end - time.monotonic()):
            pass
        try:
            return self.process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.close()
            raise AssertionError(f"still running after {deadline} s; on the screen:\n{self.screen}") from None

    def _read(self, patience):
        """False at the end of what the terminal shows, or once the patience (seconds) is over."""
        if patience <= 0 or not select.select([self._master], [], [], patience)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux's error after the other side was closed
                raise
            data = b""
        self.screen += self._decoder.decode(data)
        return bool(data)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


def _take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
