"""Every way for a terminal not to open, or to end, has a name and a sentence."""

import subprocess

import pytest

from support import servers, world as worlds
from support.servers import Sshd
from support.terminal_page import edge_with_terminal, open_shell, signed_in, terminal_of, TerminalPage

needs_terminals = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")


def ended(edge, **start):
    return TerminalPage(edge, signed_in(edge)).start(**start).ended()


def fingerprint(sshd):
    line = subprocess.run(["ssh-keygen", "-l", "-f", sshd.state / "ssh_host_ed25519_key.pub"], check=True, capture_output=True, text=True)
    return line.stdout.split()[1]


def test_another_user_is_refused_by_name(world, sshd):
    edge = terminal_of(world, sshd)
    said = ended(edge, user="daemon")
    assert said["code"] == "principal_refused" and said["details"]["users"] == worlds.USER, said
    assert said["text"] == "vm.localhost does not let you in as daemon."
    assert f"Your certificate is for {worlds.USER}" in said["hint"]


def test_a_server_that_does_not_trust_the_ca_is_pointed_at(world, sshd):
    edge = edge_with_terminal(world, sshd.address)
    said = ended(edge)
    assert said["code"] == "principal_refused" and "may not trust the CA of vm.localhost" in said["hint"], said


def test_algorithms_that_do_not_meet_are_listed(world, sshd):
    sshd.configure("KexAlgorithms sntrup761x25519-sha512@openssh.com")
    edge = edge_with_terminal(world, sshd.address)
    said = ended(edge)
    assert said["code"] == "algorithms", said
    assert said["details"]["server"].startswith("sntrup761x25519-sha512@openssh.com"), said
    assert "curve25519-sha256" in said["details"]["client"], said


def test_an_origin_that_is_down_is_named(world, nobody_listens):
    edge = edge_with_terminal(world, f"127.0.0.1:{nobody_listens}")
    said = ended(edge)
    assert (said["code"], said["text"]) == ("origin_down", "The origin of vm.localhost is down: it refused the connection.")


def test_an_origin_that_is_no_ssh_server_is_named(world):
    from support.web import Web
    edge = edge_with_terminal(world, Web(world).address)
    said = ended(edge)
    assert said["code"] == "lost" and "SSH server of vm.localhost" in said["text"], said


@needs_terminals
def test_a_host_key_that_has_changed_stops_the_connection(world, sshd):
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    assert page.event("open")["first_use"] and page.event("open")["host_key"] == fingerprint(sshd)
    again = open_shell(edge)
    assert not again.event("open")["first_use"]
    before = fingerprint(sshd)
    key = sshd.state / "ssh_host_ed25519_key"
    key.unlink()
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).ok()
    said = ended(edge)
    assert said["code"] == "host_key_changed", said
    assert said["details"] == {"recorded": before, "shown": fingerprint(sshd)}
    listed = edge.command("host-key", "list").ok().stdout.splitlines()[1].split()
    assert listed[0] == "vm.localhost" and listed[1].startswith("127.0.0.1:") and listed[3] == before
    edge.command("host-key", "forget", "--app", "vm.localhost").ok()
    assert open_shell(edge).event("open")["host_key"] == fingerprint(sshd)


def test_a_pinned_host_key_is_the_only_one_that_is_believed(world, sshd):
    other = Sshd(world, "other")
    pinned = (other.state / "ssh_host_ed25519_key.pub").read_text().strip()
    edge = terminal_of(world, sshd, more_app={"host_keys": [pinned]})
    said = ended(edge)
    assert said["code"] == "host_key_changed", said
    assert said["details"] == {"recorded": fingerprint(other), "shown": fingerprint(sshd)}


@needs_terminals
def test_revocation_ends_an_open_terminal(world, sshd):
    edge = terminal_of(world, sshd)
    page = open_shell(edge)
    edge.command("revoke", "--email", worlds.EMAIL).ok()
    said = page.ended()
    assert (said["code"], said["text"]) == ("revoked", "This session was ended: access was revoked.")


@needs_terminals
def test_a_session_ends_when_its_time_is_up(world, sshd):
    edge = terminal_of(world, sshd, more_app={"session_limit": "3s"})
    page = open_shell(edge)
    assert page.event("open")["ends"] > 0
    assert page.ended()["code"] == "expired"


@needs_terminals
def test_a_session_in_which_nothing_happens_ends(world, sshd):
    edge = terminal_of(world, sshd, more_app={"idle_limit": "2s"})
    said = open_shell(edge).ended()
    assert (said["code"], said["text"]) == ("idle", "Nothing has happened for 2s.")


@needs_terminals
def test_one_terminal_too_many_says_so(world, sshd):
    edge = terminal_of(world, sshd, more={"limits": {"tunnels_per_user": 1}})
    web = signed_in(edge)
    page = open_shell(edge, web)
    said = TerminalPage(edge, web).start().ended()
    assert said["text"] == f"This session was ended: {worlds.EMAIL} has as many tunnels open as one user may have: 1."
    page.close()
    again = TerminalPage(edge, web, session=page.event("open")["session"]).start()
    again.event("open")  # the same one is not another one
