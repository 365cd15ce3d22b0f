"""What is opened between the start of the client and its first connection, and what is not opened at all."""

import re
import shutil

import pytest

from support import limits
from support.clients import CFPIPE

pytestmark = [
    pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers open files of their own"),
    pytest.mark.parametrize("kind", ["own"], indirect=True),
]

LIBRARY = re.compile(r"/[^ ]*/(lib[^/ ]*\.so[.0-9]*)")
OF_THE_LOADER = re.compile(r"/etc/ld\.so\.(cache|preload)|/(usr/)?lib[^ ]*\.so[.0-9]*|.*/glibc-hwcaps.*")
# A process that opens one of these parses what this path has no use for.
NEVER = re.compile(r"openssl\.cnf|locale-archive|/locale/|gconv|ca-certificates\.crt|/engines-|ossl-modules|terminfo")


class Trace:
    """The system calls of one tunnel that takes in nothing: (name, what follows), in order."""

    def __init__(self, user, **env):
        log = user.world.path("trace")
        argv = [shutil.which("strace"), "-f", "-qq", "-o", log, "-e", "trace=%file,%network",
                CFPIPE, "access", "ssh", "--hostname", user.edge.host()]
        self.finished = user.world.run(argv, {**user.env, **env}).ok()
        self.calls = re.findall(r"^\d+ +(\w+)\((.*)$", log.read_text(), re.MULTILINE)
        self.connect = next(i for i, (name, rest) in enumerate(self.calls) if name == "connect" and "AF_INET" in rest)

    def opened(self, calls=None):
        """Paths, whether or not they were there."""
        opens = [rest for name, rest in (self.calls if calls is None else calls) if name in ("open", "openat")]
        return [re.search(r'"([^"]*)"', rest).group(1) for rest in opens]

    def opened_before_connecting(self):
        return self.opened(self.calls[:self.connect])


def test_before_the_connection_nothing_is_opened_but_the_state(user):
    user.banner()
    not_files = ("/proc/self/coredump_filter",)  # a switch, and nothing is read
    opened = [path for path in Trace(user).opened_before_connecting()
              if not OF_THE_LOADER.fullmatch(path) and path not in not_files]
    state = str(user.home)
    assert opened, "a trace without the state directory is none"
    assert [path for path in opened if path != state and not path.startswith(state + "/")] == []
    assert len(opened) <= 6, opened  # the directory, trusted domains, application, token, and room for a ticket


def test_tls_is_set_up_while_the_connection_is_being_made(user):
    user.banner()
    trace = Trace(user)
    authorities = str(user.edge.ca_file)
    assert authorities in trace.opened()
    assert authorities not in trace.opened_before_connecting()
    assert [path for path in trace.opened() if NEVER.search(path)] == []


def test_configuration_of_openssl_is_read_if_asked_for(world, user):
    user.banner()
    configuration = world.path("openssl-asked-for.conf")
    configuration.write_text("openssl_conf = none_of_it\n[none_of_it]\n")
    trace = Trace(user, OPENSSL_CONF=str(configuration))
    assert str(configuration) in trace.opened()
    assert str(configuration) not in trace.opened_before_connecting()


@pytest.mark.skipif(limits.SHARED_LIBRARIES, reason="the libraries are not in the program")
def test_the_c_library_alone_is_loaded(user):
    """Each further one costs every start its loading and every idle tunnel some 300 KiB."""
    user.banner()
    opened = Trace(user).opened_before_connecting()
    assert {match.group(1) for match in map(LIBRARY.fullmatch, opened) if match} == {"libc.so.6"}
