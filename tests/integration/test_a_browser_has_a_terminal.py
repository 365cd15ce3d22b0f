"""The terminal in a real browser: Chromium, the edge, sshd."""

import subprocess

import pytest

from support import servers, world as worlds
from support.playwright import play
from support.provider import IdentityProvider, PASSWORD
from support.ssh_server import SshServer
from support.terminal_page import edge_with_terminal, terminal_of

needs_terminals = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")
# Less than what is left when the page begins to say so.
SESSION_LIMIT = "299s"
OTHER = "eve@example.com"


# What a program knows the keys as that it reads, by ncurses; q ends it.
KEYS = """import curses
def show(window):
    window.scrollok(True)
    window.addstr("ready\\n")
    while (key := window.getch()) != ord("q"):
        window.addstr(curses.keyname(key).decode() + "\\n")
curses.wrapper(show)
"""


@needs_terminals
def test_a_shell_from_the_sign_in_to_its_exit(world, sshd):
    edge = terminal_of(world, sshd)

    def revoke():
        edge.command("revoke", "--email", worlds.EMAIL).ok()
    play(world, edge, "terminal.mjs", {"email": worlds.EMAIL, "user": worlds.USER}, revoke=revoke)


@needs_terminals
def test_what_people_do_with_it(world, sshd):
    other = {"email": OTHER, "email_verified": True}
    provider = IdentityProvider(world, {worlds.USER: {"email": worlds.EMAIL, "email_verified": True}, "eve": other})
    edge = terminal_of(world, sshd, provider=provider.settings(), more_app={"session_limit": SESSION_LIMIT})
    provider.serve(edge)
    key = sshd.state / "ssh_host_ed25519_key"

    def fingerprint():
        shown = subprocess.run(["ssh-keygen", "-l", "-f", key.with_suffix(".pub")], check=True, capture_output=True, text=True)
        return shown.stdout.split()[1]

    def change_host_key():
        before = fingerprint()
        key.unlink()
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).ok()
        return [before, fingerprint()]

    def forget_host_key():
        edge.command("host-key", "forget", "--app", "vm.localhost").ok()

    def policy(exclude):
        edge.change(lambda config: config["applications"][0]["policies"][0].update(exclude=exclude))
        edge.reload()
    keys = world.path("keys.py")
    keys.write_text(KEYS)
    play(world, edge, "terminal_ways.mjs", {"login": worlds.USER, "password": PASSWORD, "user": worlds.USER, "keys": str(keys),
                                          "other": "eve", "otherEmail": OTHER},
         change_host_key=change_host_key, forget_host_key=forget_host_key,
         deny=lambda: policy([{"email": worlds.EMAIL}]), allow=lambda: policy([]))


@needs_terminals
def test_colours_fonts_and_a_way_out_for_the_keyboard(world, sshd):
    play(world, terminal_of(world, sshd), "terminal_settings.mjs", {"email": worlds.EMAIL})


def test_a_password_where_there_are_no_certificates(world):
    secret = "not to be seen again"
    server = SshServer(world, ["password"], password=secret)
    edge = edge_with_terminal(world, server.address, certificates=False)
    play(world, edge, "terminal_login.mjs", {"email": worlds.EMAIL, "secret": secret})
