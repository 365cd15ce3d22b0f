"""A page of the edge gets a shell on the origin: what is typed, its size, floods both ways, and its end."""

import ctypes
import hashlib
import os
import re
import signal

import pytest

from support import limits, servers, world as worlds
from support.terminal_page import open_shell, terminal_of

pytestmark = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")

# The edge may hold this much more for a page that draws nothing of a flood: its window, and libssh's.
HELD_BYTES = 8 * limits.MIB * (4 if limits.SANITIZED else 1)
PASTE_BYTES = 8 * limits.MIB  # more than SSH's window and the sockets hold
PART_BYTES = 16_000


@pytest.fixture
def terminal(world, sshd):
    return terminal_of(world, sshd)


def test_a_shell_runs_what_is_typed_and_ends_with_its_status(terminal):
    page = open_shell(terminal, cols=97, rows=31)
    opened = page.event("open")
    assert opened["user"] == worlds.USER and len(opened["session"]) == 43 and opened["first_use"]
    assert opened["host_key"].startswith("SHA256:")
    page.type("stty size; echo $TERM; id -un\n")
    page.shows(f"31 97\r\nxterm-256color\r\n{worlds.USER}\r\n")
    page.say("r", {"cols": 120, "rows": 40})
    page.type("stty size\n")
    page.shows("40 120\r\n")
    page.type("printf '\\303\\244\\346\\274\\242'; echo\n")
    page.shows("ä漢\r\n")
    page.type("exit 7\n")
    ended = page.ended()
    assert (ended["code"], ended["status"]) == ("exit", 7), ended

    rows = {row["kind"]: row for row in terminal.audit()}
    assert rows["certificate"]["identity"] == worlds.EMAIL
    assert rows["tunnel_open"]["reason"] == "a terminal in the browser"
    assert rows["host_key"]["reason"].endswith(opened["host_key"])
    closed = terminal.wait_for_audit("tunnel_close")
    assert closed["reason"] == ended["text"] and closed["down_bytes"] > 0 and closed["up_bytes"] > 0, closed


def test_a_shell_knows_that_the_page_is_in_utf_8(world, sshd):
    """By variables that sshd may take from a client, as Debian's does, and by the mode of the terminal (RFC 8160), which
    libssh sets from 0.11 on: without it, backspace takes half a letter back."""
    sshd.configure("AcceptEnv LANG LC_* COLORTERM")
    page = open_shell(terminal_of(world, sshd))
    page.type("echo $COLORTERM, $LANG, $(locale charmap); stty -a | grep -o '.iutf8'\n")
    linked = ctypes.CDLL("libssh.so.4")
    linked.ssh_version.restype = ctypes.c_char_p
    knows = [int(part) for part in linked.ssh_version(0).split(b"/")[0].split(b".")[:2]] >= [0, 11]
    page.shows(f"truecolor, C.UTF-8, UTF-8\r\n{' ' if knows else '-'}iutf8\r\n")


def test_a_shell_that_is_killed_says_by_what(terminal):
    page = open_shell(terminal)
    page.type("kill -KILL $$\n")
    ended = page.ended()
    assert (ended["code"], ended["details"]["signal"]) == ("signal", "KILL"), ended


def test_a_flood_is_held_back_until_it_is_drawn_and_can_be_interrupted(terminal):
    page = open_shell(terminal)
    before = terminal.child.resident_bytes()
    page.acks = False
    page.type("yes\n")
    while page.hear(2):  # two seconds of nothing: the window is full
        pass
    assert 200_000 < len(page.output) < 400_000
    assert terminal.child.resident_bytes() - before < HELD_BYTES
    page.type("x")  # must not keep the edge busy either
    used = terminal.child.cpu_seconds()
    while page.hear(1):
        pass
    assert terminal.child.cpu_seconds() - used < 0.5
    page.type("\x03")
    page.acks = True
    page.say("a", {"position": page.position})
    page.output = b""
    page.type("echo still' 'here\n")
    page.shows("still here\r\n")
    assert len(page.output) < 8 * limits.MIB, "what was on the way before the prompt"


def begin_to_read(page, size):
    """A program that takes everything as it comes and says what it was, once it has it all; returns the pid of its sshd."""
    page.type("stty -echo raw; echo sshd=$PPID.; head -c %d | sha256sum; stty sane\n" % size)
    said = page.until(lambda: re.search(rb"sshd=(\d+)\.", page.output), "word that the terminal is raw")
    return int(said[1])


def paste_into(page, paste, part_bytes=PART_BYTES, at_once=4, held=None):
    """As the page does it, with `at_once` parts on the way. Calls `held`, once, when nothing is taken for a while."""
    before, sent = page.sent, 0
    while sent < len(paste):
        if sent - (page.taken - before) <= (at_once - 1) * part_bytes:
            page.say("d", paste[sent:sent + part_bytes])
            sent += part_bytes
        elif not page.hear(1 if held else limits.READY_DEADLINE):
            assert held, f"no more than {page.taken - before} of {sent} bytes are taken: {page.events}"
            held()
            held = None


@pytest.mark.parametrize("size, part_bytes, at_once", [(PASTE_BYTES, PART_BYTES, 4), (2 * limits.MIB, 1000, 1)])
def test_a_paste_arrives_whole(terminal, size, part_bytes, at_once):
    """With one small part on the way, nothing but what the server says would help the edge on."""
    page = open_shell(terminal)
    paste = b"0123456789abcdef" * (size // 16)
    begin_to_read(page, len(paste))
    paste_into(page, paste, part_bytes, at_once)
    page.shows(hashlib.sha256(paste).hexdigest())


def test_a_paste_waits_for_a_server_that_does_not_read(terminal):
    page = open_shell(terminal)
    paste = b"0123456789abcdef" * (PASTE_BYTES // 16)
    server = begin_to_read(page, len(paste))
    os.kill(server, signal.SIGSTOP)
    stopped = [server]
    paste_into(page, paste, held=lambda: os.kill(stopped.pop(), signal.SIGCONT))
    assert not stopped, "the whole of it fits between the edge and the server: a longer one is needed"
    page.shows(hashlib.sha256(paste).hexdigest())


@pytest.mark.parametrize("line", ["KexAlgorithms curve25519-sha256", "KexAlgorithms ecdh-sha2-nistp384",
                                  "KexAlgorithms diffie-hellman-group16-sha512", "Ciphers aes256-ctr", "Ciphers chacha20-poly1305@openssh.com"])
def test_servers_may_insist_on_their_algorithms(world, sshd, line):
    sshd.configure(line)
    open_shell(terminal_of(world, sshd))


@pytest.mark.parametrize("kind, algorithm", [("ecdsa", "ecdsa-sha2-nistp256"), ("rsa", "rsa-sha2-512")])
def test_host_keys_are_known_again_whatever_kind_they_are(world, sshd, kind, algorithm):
    key = sshd.state / f"host_key_{kind}"
    world.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key]).ok()
    sshd.configure(f"HostKey {key}")
    sshd.configure(f"HostKeyAlgorithms {algorithm}")
    edge = terminal_of(world, sshd)
    assert open_shell(edge).event("open")["first_use"]
    assert not open_shell(edge).event("open")["first_use"]
