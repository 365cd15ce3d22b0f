"""Child processes with deadlines: readiness lines, collected output, ended by their id, checked for leaks."""

import ctypes
import os
import pathlib
import queue
import re
import select
import signal
import subprocess
import threading
import time

from support import limits

SANITIZER_REPORT = re.compile(r"(?:ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
LOOK_INTERVAL = 0.02  # seconds
CHUNK_BYTES = 1 << 16


class Collector(threading.Thread):
    """Reads a pipe to its end, and lets others wait for a line in it."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._lines = []
        self._rest = b""  # a line that has no end yet
        self._changed = threading.Condition()
        self._ended = False
        self.start()

    def run(self):
        something = select.poll()
        something.register(self._pipe, select.POLLIN)
        with self._pipe:
            while not self._ended:
                something.poll()
                with self._changed:
                    self._read()

    def _read(self):
        """All that is in the pipe. Others may have read it since it was seen."""
        try:
            while not self._ended:
                data = os.read(self._pipe.fileno(), CHUNK_BYTES)
                *lines, self._rest = (self._rest + data).split(b"\n")
                self._lines += [line.decode("utf-8", "replace") + "\n" for line in lines]
                if not data:
                    self._lines.append(self._rest.decode("utf-8", "replace"))
                    self._ended = True
        except BlockingIOError:
            pass
        self._changed.notify_all()

    @property
    def text(self):
        """All lines that were written before this was asked for."""
        with self._changed:
            if not self._ended:
                self._read()
            return "".join(self._lines)

    def wait_for(self, pattern, deadline=limits.READY_DEADLINE):
        """The first match of `pattern` in what has been or will be read."""
        def found():
            return re.search(pattern, "".join(self._lines), re.MULTILINE)
        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, deadline)
            match = found()
            if not match:
                why = "ended" if self._ended else f"nothing like it in {deadline} s"
                raise AssertionError(f"waited for {pattern!r}: {why}; so far:\n{''.join(self._lines)}")
            return match


class Child:
    """A program that runs until it is stopped."""

    def __init__(self, argv, env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=None, collect=True, pass_fds=()):
        self.argv = [str(a) for a in argv]
        self.process = subprocess.Popen(self.argv, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, cwd=cwd, pass_fds=pass_fds)
        self.stderr = Collector(self.process.stderr)
        self.stdout = Collector(self.process.stdout) if collect and stdout == subprocess.PIPE else None

    @property
    def pid(self):
        return self.process.pid

    def ready_port(self):
        """The port of the line `ready ADDRESS:PORT`; 0 of `ready unix:PATH`."""
        try:
            return int(self.stdout.wait_for(r"\Aready (?:unix:/.+|(?:127\.0\.0\.\d|198\.18\.\d+\.\d+|\[::1\]):(\d+))$").group(1) or 0)
        except AssertionError as error:
            raise AssertionError(f"{self.argv[0]} did not get ready: {error}\n{self.stderr.text}") from None

    def wait(self, deadline=limits.COMMAND_DEADLINE):
        """Its exit status, once it has ended by itself and everything it wrote has been read."""
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv} still runs after {deadline} s\n{self.stderr.text}") from None
        self._join()
        return status

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(limits.GOODBYE_DEADLINE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._join()

    def _join(self):
        # A grandchild may hold the pipe open for longer; the leak check deals with it.
        for collector in (self.stderr, self.stdout):
            if collector:
                collector.join(limits.GOODBYE_DEADLINE)

    def resident_bytes(self):
        return resident_bytes(self.pid)

    def cpu_seconds(self):
        """Of processor time that it has had, in steps of the kernel's clock."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024


def adopt_orphans():
    """From now on whatever a child leaves behind becomes our child, wherever it was started."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def descendants():
    """Ids of all living processes below this one. Orphans that have ended are buried on the way."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue  # gone
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.name))
        elif int(parent) == os.getpid():
            os.waitpid(int(entry.name), os.WNOHANG)
    found, unseen = [], [os.getpid()]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def words(pid):
    """Its command line; empty if it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return []
    # A program that has given itself a title may have ended it with nothing.
    return text.removesuffix("\0").split("\0") if text else []


def descendant(*wanted):
    """The id of the one process below this one whose command line has these words."""
    found = [pid for pid in descendants() if set(wanted) <= set(words(pid))]
    assert len(found) == 1, (wanted, [words(pid) for pid in descendants()])
    return found[0]


def wait_until_gone(pid, deadline):
    """True if the process (not necessarily a child) has ended before the deadline, in seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], deadline)[0])
    finally:
        os.close(handle)


def wait_until(condition, what, deadline=limits.COMMAND_DEADLINE):
    """Returns what `condition()` returns once that is true. For what can only be looked at, not waited for."""
    end = time.monotonic() + deadline
    while not (met := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline} s still not so: {what}")
        time.sleep(LOOK_INTERVAL)
    return met


def leftovers(deadline=limits.GOODBYE_DEADLINE):
    """Command lines of the processes below this one that do not end before the deadline (seconds); they are killed."""
    end = time.monotonic() + deadline
    left = []
    for pid in descendants():
        if not wait_until_gone(pid, max(0.0, end - time.monotonic())):
            line = " ".join(words(pid))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has ended after all
            left.append(line)
    descendants()
    return left


def sanitizer_reports(directory):
    """What the sanitizers wrote to their log files in this directory."""
    return [path.read_text(errors="replace") for path in sorted(pathlib.Path(directory).glob("sanitizer.*"))]


class Lines(queue.Queue):
    """Events handed from an origin's thread to the test."""

    def next(self, deadline=limits.COMMAND_DEADLINE):
        try:
            return self.get(timeout=deadline)
        except queue.Empty:
            raise AssertionError(f"nothing happened at the origin for {deadline} s") from None
