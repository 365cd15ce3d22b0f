"""What went well is said in one line on a terminal, where a person looks; what a script or ssh reads has no word of it."""

import re
import time

from support import tokens, world as worlds
from support.clients import CFPIPE
from support.terminal import Terminal


def in_a_terminal(client, *argv):
    """What a person sees of a command that ends well."""
    terminal = client.world.closing(Terminal([CFPIPE, *argv], {**client.env, "TERM": "dumb", "TZ": "UTC"}, columns=200))
    assert terminal.wait() == 0, terminal.screen
    return terminal.screen.replace("\r\n", "\n")


def test_a_login_says_that_it_was_granted_to_whom_and_until_when(client):
    """Until a browser is needed again: the org token outlives that of the application, or they end together."""
    seen = in_a_terminal(client, "access", "login", "--quiet", client.edge.url())
    ends = max(tokens.claims(path.read_text())["exp"] for path in client.home.glob("*-token"))
    until = rf"(?:{time.strftime('%Y-%m-%d', time.gmtime(ends))} )?{time.strftime('%H:%M', time.gmtime(ends))}"
    last = rf"\ncfpipe: login: you are logged in as {re.escape(worlds.EMAIL)} until {until} \(1d\)\n"
    assert re.search(last + r"\Z", seen), (last, seen)
    assert in_a_terminal(client, "access", "login", "--quiet", client.edge.url()) == "", "no login was needed"


def test_a_login_of_a_script_says_what_it_always_has(client):
    done = client.login()
    assert "logged in as" not in done.stdout + done.stderr
    assert re.search(r"\nhttps://\S+\n$", done.stderr), done


def test_ssh_gen_says_what_it_has_made_or_found(user):
    made = in_a_terminal(user, "access", "ssh-gen", "--hostname", user.edge.host())
    said = rf"cfpipe: certificate: {re.escape(str(user.home))}/vm\.localhost-cf_key-cert\.pub is for {worlds.USER}, good for \d+ (minutes|seconds)\n"
    assert re.fullmatch(said, made), made
    assert re.fullmatch(said, in_a_terminal(user, "access", "ssh-gen", "--hostname", user.edge.host()))
    assert user.ssh_gen().ok().output == b""


def test_ssh_gen_says_nothing_where_ssh_runs_it(user):
    """`Match exec` leaves it ssh's standard error alone."""
    script = user.world.script("as-ssh-does", f'exec {CFPIPE} access ssh-gen --hostname {user.edge.host()} </dev/null >/dev/null')
    terminal = user.world.closing(Terminal([script], {**user.env, "TERM": "dumb"}))
    assert (terminal.wait(), terminal.screen) == (0, "")


def test_logout_says_what_is_gone(user):
    assert in_a_terminal(user, "access", "logout", user.edge.url()) == "cfpipe: token: the cached tokens of vm.localhost are removed\n"
    assert in_a_terminal(user, "access", "logout", user.edge.url()) == "cfpipe: token: there were no cached tokens of vm.localhost\n"
    assert in_a_terminal(user, "access", "logout") == "cfpipe: token: there were no cached tokens\n"
    user.login()
    assert user.run("access", "logout").ok().output == b""
    user.login()
    assert in_a_terminal(user, "access", "logout") == "cfpipe: token: the cached tokens are removed\n"
