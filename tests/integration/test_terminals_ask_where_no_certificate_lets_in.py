"""An application without a CA: the page asks for a password or a key, and nothing of either stays anywhere."""

import pytest

from support import world as worlds
from support.ssh_server import SshServer
from support.terminal_page import edge_with_terminal, signed_in, TerminalPage

PASSWORD = "not to be seen again"
PASSPHRASE = "nor is this one"


def page_of(world, server, user="ann"):
    edge = edge_with_terminal(world, server.address, certificates=False)
    return edge, TerminalPage(edge, signed_in(edge)).start(user=user)


def test_a_password_lets_in(world):
    server = SshServer(world, ["password"], password=PASSWORD)
    edge, page = page_of(world, server)
    assert page.event("ask")["methods"] == ["password"]
    page.say("l", {"password": "wrong"})
    page.until(lambda: len([e for e in page.events if e["event"] == "ask"]) == 2, "another question")
    assert page.events[-1]["error"] == "The server does not take that."
    page.say("l", {"password": PASSWORD})
    page.event("open")
    page.shows("welcome")
    assert server.tried == [("ann", "wrong"), ("ann", PASSWORD)]
    page.type("bye")
    said = page.ended()
    assert (said["code"], said["status"]) == ("exit", 5)
    assert PASSWORD not in edge.child.stderr.text and PASSWORD not in str(edge.audit())
    assert not [p for p in edge.state.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]


def test_a_server_may_take_its_time_to_say_how_it_ended(world):
    server = SshServer(world, ["password"], password=PASSWORD)
    _, page = page_of(world, server)
    page.event("ask")
    page.say("l", {"password": PASSWORD})
    page.event("open")
    page.type("later")
    said = page.ended()
    assert (said["code"], said["status"]) == ("exit", 5)


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["open", "with-passphrase"])
def test_a_pasted_key_lets_in(world, passphrase):
    key = world.path("key")
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", key]).ok()
    server = SshServer(world, ["publickey"], key=key.with_suffix(".pub").read_text().split()[1])
    edge, page = page_of(world, server)
    assert page.event("ask")["methods"] == ["publickey"]
    page.say("l", {"private_key": "not a key\n", "passphrase": ""})
    page.until(lambda: page.events[-1].get("error"), "an error")
    assert "no private key" in page.events[-1]["error"]
    page.say("l", {"private_key": key.read_text(), "passphrase": passphrase})
    page.event("open")
    page.shows("welcome")
    secret = key.read_text().splitlines()[2]
    assert secret not in edge.child.stderr.text
    assert not [p for p in edge.state.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]


def test_a_password_answers_a_server_that_asks_for_nothing_else(world):
    server = SshServer(world, ["keyboard-interactive"], questions=[("Password: ", False)], answers=[PASSWORD])
    _, page = page_of(world, server)
    assert page.event("ask")["methods"] == ["password"]
    page.say("l", {"password": PASSWORD})
    page.event("open")


def test_what_else_a_server_asks_is_asked(world):
    server = SshServer(world, ["keyboard-interactive"], questions=[("Name: ", True), ("Code: ", False)], answers=["ann", "123456"])
    _, page = page_of(world, server)
    page.event("ask")
    page.say("l", {"password": PASSWORD})
    page.until(lambda: page.events[-1]["kind"] == "prompts", "its questions")
    assert page.events[-1]["prompts"] == [{"text": "Name: ", "echo": True}, {"text": "Code: ", "echo": False}]
    page.say("l", {"answers": ["ann", "123456"]})
    page.event("open")


def test_too_many_tries_end_it(world):
    server = SshServer(world, ["password"], password=PASSWORD)
    _, page = page_of(world, server)
    while not any(e["event"] == "ended" for e in page.events):
        asked = len([e for e in page.events if e["event"] == "ask"])
        page.say("l", {"password": "wrong"}) if asked else None
        page.until(lambda: len([e for e in page.events if e["event"] in ("ask", "ended")]) > asked, "an answer")
    said = page.ended()
    assert (said["code"], said["text"]) == ("login_failed", "vm.localhost does not let you in as ann.")


def test_a_server_that_takes_nothing_the_page_has_is_named(world):
    server = SshServer(world, ["hostbased"])
    _, page = page_of(world, server)
    assert "no way to log in" in page.ended()["text"]


def test_a_certificate_is_tried_where_there_is_a_ca(world):
    """Also when the server takes passwords: there is no prompt for one."""
    server = SshServer(world, ["password", "publickey"], password=PASSWORD)
    edge = edge_with_terminal(world, server.address)
    said = TerminalPage(edge, signed_in(edge)).start().ended()
    assert said["code"] == "principal_refused" and said["details"]["users"] == worlds.USER
