"""System calls that fail: strace makes the n-th of a kind return an error, and everything else goes on."""

import os
import re
import shutil

import pytest

from support import limits
from support.clients import CONFIGURATION, ERROR_LINE, LOST, PROTOCOL, REFUSED, UNAVAILABLE, USAGE, Client
from support.edges import Edge
from support.origin import Origin, echo
from support.world import Finished

STRACE = shutil.which("strace")
# All faults of a command; without it a sample of them that is the same every time.
EVERYTHING = bool(os.environ.get("CFPIPE_ALL_SYSTEM_FAULTS"))
SAMPLE = 2  # faults of one kind of call, where that is all

# What is tried: the errors that the call has for ordinary reasons.
FAULTS = {
    "openat": ["EMFILE", "EACCES", "EIO"],
    "read": ["EIO"],
    "pread64": ["EIO"],
    "write": ["ENOSPC", "EIO"],
    "writev": ["EIO"],
    "pwrite64": ["ENOSPC"],
    "pwritev": ["EIO"],
    "fstat": ["EIO"],
    "newfstatat": ["EIO"],
    "mkdir": ["EACCES"],
    "rename": ["EIO"],
    "renameat2": ["EINVAL", "EIO"],
    "link": ["EPERM"],
    "linkat": ["EPERM", "ENOSPC"],
    "unlink": ["EACCES"],
    "fsync": ["EIO", "EINVAL"],
    "fdatasync": ["EIO"],
    "ftruncate": ["ENOSPC"],
    "fchmod": ["EPERM"],
    "flock": ["ENOLCK", "EBADF"],
    "getdents64": ["EIO"],
    "fcntl": ["EAGAIN"],
    "mmap": ["ENOMEM"],
    "getrandom": ["ENOSYS"],
    "socket": ["EMFILE", "EACCES"],
    "connect": ["ENETUNREACH", "EADDRNOTAVAIL"],
    "bind": ["EADDRINUSE", "EACCES"],
    "listen": ["EADDRINUSE"],
    "accept4": ["EMFILE", "ECONNABORTED"],
    "accept": ["EMFILE"],
    "getsockname": ["ENOBUFS"],
    "setsockopt": ["ENOPROTOOPT"],
    "getsockopt": ["ENOBUFS"],
    "recvmsg": ["ECONNRESET", "ETIMEDOUT"],
    "recvfrom": ["ECONNRESET"],
    "sendmsg": ["EPIPE", "EHOSTUNREACH"],
    "sendto": ["EPIPE"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOMEM"],
    "eventfd2": ["EMFILE"],
    "timerfd_create": ["EMFILE"],
    "pipe2": ["EMFILE"],
    "clone3": ["EAGAIN"],
    "prctl": ["EPERM"],
    "prlimit64": ["EPERM"],
}
# The first file that both programs open when they run themselves; what comes before is the loader's.
FIRST_OF_OURS = "/proc/self/coredump_filter"


STATUSES = (UNAVAILABLE, LOST, PROTOCOL, REFUSED, CONFIGURATION, USAGE, 70)
MARKS = [
    pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers make calls of their own, and need them"),
    pytest.mark.parametrize("kind", ["own"], indirect=True),
]


def user_of_an_echo(world, kind):
    """A client that has logged in, of an edge whose origin says everything again."""
    user = Client(world, Edge(world, kind, world.closing(Origin(echo)).address))
    user.login()
    return user


class Fault:
    def __init__(self, call, error, number):
        self.call, self.error, self.number = call, error, number

    def __repr__(self):
        return f"{self.call}={self.error}#{self.number}"

    def argv(self, log, *options):
        inject = f"inject={self.call}:error={self.error}:when={self.number}"
        return [STRACE, *options, "-qq", "-o", log, "-e", f"trace={self.call}", "-e", inject]



# The program stays the child of who starts it; and of all its threads, each of which counts its calls for itself.
AS_CHILD, THREADS = "-D", "-f"


def watching(log, *options, calls=FAULTS):
    """What records the calls that could fail."""
    return [STRACE, *options, "-qq", "-o", log, "-e", "trace=" + ",".join(f"?{call}" for call in calls)]


def calls_of_threads(log, calls):
    """How often the busiest thread of a run below `strace -f` made each of these calls."""
    counts = {}
    for thread, call in re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE):
        if call in calls:
            counts[call, thread] = counts.get((call, thread), 0) + 1
    return {call: max((n for (one, _), n in counts.items() if one == call), default=0) for call in calls}


def faults_of(log):
    """Every fault that the recorded run could have met, or the sample of them."""
    before, counts = {}, {}
    for call, rest in re.findall(r"^(\w+)\((.*)$", log.read_text(errors="replace"), re.MULTILINE):
        if FIRST_OF_OURS in rest and not before:
            before = dict(counts)
            before.setdefault("openat", 0)
        counts[call] = counts.get(call, 0) + 1
    assert before, "the recorded run is not one of ours"
    found = []
    for call, count in sorted(counts.items()):
        numbers = list(range(before.get(call, 0) + 1, count + 1))
        for i, error in enumerate(FAULTS[call]):
            found += [Fault(call, error, number) for number in sampled(numbers, i)]
    return found


def sampled(numbers, shift):
    if EVERYTHING or len(numbers) <= SAMPLE:
        return numbers
    step = len(numbers) // SAMPLE
    return [numbers[(i * step + shift) % len(numbers)] for i in range(SAMPLE)]


def was_met(log):
    return "(INJECTED)" in log.read_text(errors="replace")


# What is no error: a warning; and that a login needs a person after all, with the URL for that.
SAID_BESIDES = r"cfpipe: [a-z]+: warning: .*|cfpipe: login: open this in a browser.*:|https://.*/cdn-cgi/access/cli\?.*|https://.*/l/[a-z0-9-]+"


def assert_named(fault, finished, statuses, secrets=(), besides=SAID_BESIDES):
    """No signal, a documented status, and if it is not 0 one line that says why; no secret in it."""
    said = (fault, finished)
    assert finished.status in (0, *statuses), said
    assert not [secret for secret in secrets if secret in finished.stderr], said
    lines = [line for line in finished.stderr.splitlines() if not re.fullmatch(besides, line)]
    if finished.status == 0:
        return
    assert len(lines) == 1 and ERROR_LINE.fullmatch(lines[0]), said


def run(world, fault, argv, env, input=b""):
    """The command with that fault, and whether it has met it."""
    log = world.path("fault.trace")
    finished = world.run([*fault.argv(log), *argv], env, input, limits.COMMAND_DEADLINE)
    return Finished(argv, finished.status, finished.output, finished.stderr.encode()), was_met(log)
