"""The channel for files beside a terminal's shell: SFTP with Debian's sshd, what a server may refuse, and pages and servers
that keep to no window."""

import os
import struct

import pytest

from support import limits, servers, world as worlds
from support.process import wait_until
from support.ssh_server import SshServer
from support.terminal_page import edge_with_terminal, open_shell, signed_in, terminal_of, TerminalPage

pytestmark = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")

WINDOW_BYTES = 256 * 1024
# SFTP, version 3.
INIT, OPEN, READ, WRITE = 1, 3, 5, 6
VERSION, STATUS, HANDLE, DATA = 2, 101, 102, 103
READ_FLAG = 1
REQUEST_BYTES = 32 * 1024


def text(value):
    value = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack(">I", len(value)) + value


def packet(kind, *parts):
    body = bytes([kind]) + b"".join(parts)
    return struct.pack(">I", len(body)) + body


def number(value):
    return struct.pack(">I", value)


class Sftp:
    """What a page says to the host's server and hears from it."""

    def __init__(self, page):
        self.page, self.at = page, 0
        page.say("S")
        assert files_event(page)["open"], page.events
        page.say("D", packet(INIT, number(3)))
        assert self.reply()[0] == VERSION

    def reply(self):
        def whole():
            held = self.page.files[self.at:]
            return len(held) >= 4 and len(held) >= 4 + struct.unpack(">I", held[:4])[0] and held
        held = self.page.until(whole, "packet")
        size = struct.unpack(">I", held[:4])[0]
        self.at += 4 + size
        return held[4], held[5:4 + size]

    def open(self, path):
        self.page.say("D", packet(OPEN, number(1), text(path), number(READ_FLAG), number(0)))
        kind, body = self.reply()
        assert kind == HANDLE, (kind, body)
        return body[8:]

    def ask_to_read(self, handle, offset):
        self.page.say("D", packet(READ, number(2), text(handle), struct.pack(">QI", offset, REQUEST_BYTES)))


def files_event(page, number_of=0):
    """The event about files with that number."""
    def found():
        all_of_them = [event for event in page.events if event["event"] == "files"]
        return len(all_of_them) > number_of and all_of_them[number_of]
    return page.until(found, "event about files")


def still_answers(page, word="there"):
    page.type(f"echo st''ill {word}\n")
    page.shows(f"still {word}\r\n")


@pytest.fixture
def big(world):
    path = world.path("big.bin")
    path.write_bytes(os.urandom(4 * limits.MIB))
    return path


def test_a_file_is_read_beside_the_shell_and_is_in_the_audit(world, sshd, big):
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    sftp = Sftp(page)
    handle, read = sftp.open(big), b""
    while len(read) < big.stat().st_size:
        sftp.ask_to_read(handle, len(read))
        kind, body = sftp.reply()
        assert kind == DATA
        read += body[8:]
        if len(read) == limits.MIB:
            still_answers(page, "half-way")
    assert read == big.read_bytes()
    page.say("Q")
    assert files_event(page, 1) == {"event": "files", "open": False, "code": "done", "text": "", "hint": ""}
    row = edge.wait_for_audit("files")
    assert row["identity"] == worlds.EMAIL and row["down_bytes"] == len(page.files) and row["up_bytes"] > 0, row
    page.say("S")
    assert files_event(page, 2)["open"], "and again"
    still_answers(page)


def test_a_page_that_confirms_nothing_gets_a_window_and_keeps_its_shell(world, sshd, big):
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    sftp = Sftp(page)
    handle = sftp.open(big)
    page.file_acks = False
    confirmed = len(page.files)
    for offset in range(0, big.stat().st_size, REQUEST_BYTES):
        sftp.ask_to_read(handle, offset)
    page.until(lambda: len(page.files) - confirmed >= WINDOW_BYTES, "window of the file")
    still_answers(page)
    while page.hear(1):
        pass
    assert len(page.files) - confirmed == WINDOW_BYTES
    page.acks = False
    page.type("yes\n")
    while page.hear(1):
        pass
    page.say("D", packet(READ, number(3), text(handle), struct.pack(">QI", 0, 1)))
    used = edge.child.cpu_seconds()
    while page.hear(2):
        pass
    assert edge.child.cpu_seconds() - used < 0.5, "the edge waits, and does not look all the time"
    page.type("\x03")
    page.acks = True
    page.say("a", {"position": page.position})
    still_answers(page, "after a flood")
    page.say("A", {"position": len(page.files)})
    page.file_acks = True
    page.until(lambda: len(page.files) - confirmed > big.stat().st_size, "rest of the file")


@pytest.mark.parametrize("line, code, hint", [("", "no_subsystem", "Subsystem sftp"),
                                              ("Subsystem sftp internal-sftp\nMaxSessions 1", "no_channel", "MaxSessions")])
def test_a_server_may_have_no_room_for_files(world, sshd, line, code, hint):
    edge = terminal_of(world, sshd)
    config = sshd.state / "sshd_config"
    config.write_text(config.read_text().replace("Subsystem sftp internal-sftp", line))
    page = open_shell(edge)
    page.say("S")
    event = files_event(page)
    assert (event["open"], event["code"]) == (False, code) and hint in event["hint"] and event["text"].endswith("."), event
    still_answers(page)
    assert not [row for row in edge.audit() if row["kind"] == "files"]


def test_an_administrator_may_switch_them_off(world, sshd):
    edge = terminal_of(world, sshd, more_app={"browser_files": False})
    web = signed_in(edge)
    assert 'data-files="off"' in web.get(edge.url()).page
    page = open_shell(edge, web)
    page.say("S")
    event = files_event(page)
    assert (event["open"], event["code"]) == (False, "off"), event
    still_answers(page)


def test_a_page_that_opens_them_twice_ends_its_session(world, sshd):
    page = open_shell(terminal_of(world, sshd))
    Sftp(page)
    page.say("S")
    assert page.ended()["code"] == "internal"


def test_what_is_for_no_channel_is_dropped(world, sshd):
    page = open_shell(terminal_of(world, sshd))
    page.say("D", b"x" * 60_000)
    page.say("A", {"position": 1 << 40})
    page.say("Q")
    still_answers(page)


@pytest.mark.parametrize("end", ["Q", None])
def test_a_shell_that_has_ended_before_its_output_is_drawn_keeps_nothing_busy(world, sshd, big, end):
    """The output waits for the page, and what the server says of its files stays with the system."""
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    sftp = Sftp(page)
    handle = sftp.open(big)
    page.acks = page.file_acks = False
    for offset in range(0, big.stat().st_size, REQUEST_BYTES):
        sftp.ask_to_read(handle, offset)
    page.type("head -c 400000 /dev/zero | tr '\\0' y; exit 3\n")
    while page.hear(1):
        pass
    if end:
        page.say(end)
    used = edge.child.cpu_seconds()
    while page.hear(2):
        pass
    assert edge.child.cpu_seconds() - used < 0.5
    page.acks = True
    page.say("a", {"position": page.position})
    assert page.ended()["status"] == 3


def test_a_page_that_comes_back_begins_anew(world, sshd, big):
    edge = terminal_of(world, sshd)
    web = signed_in(edge)
    page = open_shell(edge, web)
    session = page.event("open")["session"]
    Sftp(page).open(big)
    page.close()
    assert edge.wait_for_audit("files")["down_bytes"] == len(page.files)
    back = TerminalPage(edge, web, session).start(position=page.position)
    back.event("open")
    still_answers(back)
    assert not back.files
    Sftp(back).open(big)


def test_a_revocation_ends_them(world, sshd, big):
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    Sftp(page).open(big)
    edge.command("revoke", "--email", worlds.EMAIL).ok()
    assert page.ended()["code"] == "revoked"
    assert edge.wait_for_audit("files")["up_bytes"] > 0


def test_an_sftp_server_that_ends_is_told(world, sshd):
    config = sshd.state / "sshd_config"
    config.write_text(config.read_text().replace("Subsystem sftp internal-sftp", "Subsystem sftp /bin/true"))
    page = open_shell(terminal_of(world, sshd))
    page.say("S")
    assert files_event(page)["open"]
    assert files_event(page, 1)["code"] == "ended"
    still_answers(page)


def test_a_server_that_keeps_to_no_window_costs_the_edge_no_memory(world):
    server = SshServer(world, ["password"], password="right")
    edge = edge_with_terminal(world, server.address, certificates=False)
    page = TerminalPage(edge, signed_in(edge)).start(user="ann")
    page.event("ask")
    page.say("l", {"password": "right"})
    page.event("open")
    page.say("S")
    assert files_event(page)["open"]
    page.acks = False
    before = edge.child.resident_bytes()
    page.type("flood")
    def over():
        while page.hear(0):
            pass
        return server.flooded.is_set() or any(event["event"] == "ended" for event in page.events)
    wait_until(over, "the flood is over")
    # libssh 0.11 drops what is beyond the window by itself, and the session goes on.
    assert server.flooded.is_set() or page.ended()["code"] == "lost", page.events
    assert edge.child.resident_bytes() - before < 32 * limits.MIB * (4 if limits.SANITIZED else 1)
