"""A page that is loaded again, or has lost its connection, gets its shell back and what it has missed."""

import signal
import time

import pytest

from support import limits, servers, world as worlds
from support.terminal_page import open_shell, Refused, signed_in, terminal_of, TerminalPage

pytestmark = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")


@pytest.fixture
def terminal(world, sshd):
    return terminal_of(world, sshd)


@pytest.fixture
def web(terminal):
    return signed_in(terminal)


def come_back(edge, web, page, **start):
    again = TerminalPage(edge, web, session=page.event("open")["session"])
    return again.start(**{"position": page.position, **start})


def test_a_page_comes_back_to_its_shell_and_what_it_missed(terminal, web, world):
    page = open_shell(terminal, web)
    done = world.path("done")
    page.type(f"(until [ -e {done} ]; do sleep 0.05; done; echo while you were' 'away; touch {done}.too) &\n")
    page.shows("ready> ")
    page.close()
    done.touch()
    again = come_back(terminal, web, page, cols=133, rows=30)
    opened = again.event("open")
    assert (opened["position"], opened["session"]) == (page.position, page.event("open")["session"])
    again.shows("while you were away\r\n")
    assert b"PS1" not in again.output, "what had been drawn before is not sent again"
    again.type("stty size\n")
    again.shows("30 133\r\n")
    again.type("exit\n")
    assert again.ended()["code"] == "exit"
    kinds = [row["kind"] for row in terminal.audit()]
    assert kinds.count("tunnel_open") == 1, kinds


def test_a_page_that_has_kept_nothing_gets_the_last_of_the_output(terminal, web):
    page = open_shell(terminal, web)
    page.type("seq 200000; echo en''d\n")
    page.prompts_after("end\r\n")
    page.close()
    again = come_back(terminal, web, page, position=0)
    assert 0 < again.event("open")["position"] < page.position
    again.prompts_after("200000\r\nend\r\n")
    assert again.position == page.position


def test_the_newest_page_has_the_shell(terminal, web):
    page = open_shell(terminal, web)
    again = come_back(terminal, web, page)
    assert page.ended()["code"] == "elsewhere"
    again.type("echo in the' 'newest\n")
    again.shows("in the newest\r\n")


def test_a_page_that_is_just_talking_is_told_that_another_has_the_shell(terminal, web):
    """What it said last is not read any more, and must not cost it the edge's last word."""
    page = open_shell(terminal, web)
    session = page.event("open")["session"]
    for _ in range(20):
        again = TerminalPage(terminal, web, session=session)
        again.start(position=page.position)
        try:
            for _ in range(400):
                page.say("r", {"cols": 80, "rows": 24})
        except OSError:
            pass  # the edge has closed already
        assert page.ended()["code"] == "elsewhere"
        again.event("open")
        page = again


def test_a_session_is_for_who_opened_it(terminal, web):
    page = open_shell(terminal, web)
    other = signed_in(terminal, "mallory@example.com")
    stranger = come_back(terminal, other, page)
    assert stranger.ended()["code"] == "gone"
    page.type("echo undis''turbed\n")
    page.shows("undisturbed\r\n")


def test_a_session_that_was_ended_does_not_come_back(terminal, web):
    page = open_shell(terminal, web)
    page.say("q")
    assert page.ended()["code"] == "disconnected"
    assert come_back(terminal, web, page).ended()["code"] == "gone"


def test_revocation_reaches_a_session_that_no_page_shows(terminal, web, sshd):
    page = open_shell(terminal, web)
    page.close()
    terminal.command("revoke", "--email", worlds.EMAIL).ok()
    assert terminal.wait_for_audit("tunnel_close")["reason"].startswith("This session was ended: access was revoked")
    with pytest.raises(Refused):
        come_back(terminal, web, page)


def test_an_edge_that_ends_waits_for_no_page_that_has_gone(terminal, web):
    page = open_shell(terminal, web)
    page.close()
    assert terminal.child.stop() == 0


def test_a_page_is_told_that_the_edge_restarts_before_it_ends(world, sshd):
    edge = terminal_of(world, sshd, more={"drain": "2s"})
    page = open_shell(edge, signed_in(edge))
    edge.child.process.send_signal(signal.SIGTERM)
    leaving = page.event("leaving")
    page.type("echo still' 'here\n")
    page.shows("still here\r\n")
    assert page.ended()["code"] == "stopped"
    assert abs(time.time() - leaving["ends"]) < limits.GOODBYE_DEADLINE
    assert edge.child.wait() == 0, edge.child.stderr.text
