"""Where no browser can open, a link is shown, and on a terminal a code for a camera; opening it on any device logs in."""

import re
import signal

import pytest

from support import qr
from support.clients import CFPIPE, REFUSED
from support.terminal import Terminal

# Columns and rows: what a terminal has unless it is made larger; as much as the code of a short link takes in two columns a module;
# less than it takes in one; as much as the code of a whole login URL takes.
USUAL, TALL, NARROW, LARGE = (80, 24), (80, 40), (28, 24), (100, 60)
URL = r"https://[!-~]+"


def without(environment, *names):
    return {name: value for name, value in environment.items() if name not in names}


def record_opener(client, name):
    """A program of that name that notes the URL and opens it."""
    log = client.world.path(f"{name}-runs")
    client.world.script(name, f'echo "$1" >> {log}\nexec {client.env["BROWSER"]} "$1"')
    return log


def in_a_terminal(client, *more, size=USUAL, **env):
    environment = {**client.env, "TERM": "xterm-256color", **env}
    argv = [CFPIPE, "access", "login", "--quiet", *more, client.edge.url()]
    return client.world.closing(Terminal(argv, environment, *size))


def rows_of(screen, columns):
    """How many rows of a terminal it takes, the cursor's among them."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen).replace("\r\n", "\n").split("\n")
    return sum(max(1, -(-len(line) // columns)) for line in lines)


def open_elsewhere(client, url):
    client.world.run([client.env["BROWSER"], url], client.env).ok()


@pytest.fixture
def bare(client):
    """Nothing says that there is a browser or a display."""
    client.browser, client.env = client.env["BROWSER"], without(client.env, "DISPLAY", "WAYLAND_DISPLAY")
    return client


def opens(client, opener, **environment):
    """Whether the opener is used, for the page itself, in a login that goes on until the user has opened the link."""
    log = record_opener(client, opener)
    child = client.world.start([CFPIPE, "access", "login", "--quiet", client.edge.url()],
                               {**without(client.env, "BROWSER"), **environment})
    notice = child.stderr.wait_for(rf"^cfpipe: login: (.*):\n({URL})$")
    if "on any machine" in notice.group(1):
        open_elsewhere(client, notice.group(2))
    assert child.wait() == 0, child.stderr.text
    pages = log.read_text().splitlines() if log.exists() else []
    assert all(page.startswith(f"{client.edge.url()}cdn-cgi/access/cli?") for page in pages) and len(pages) < 2
    used = pages != []
    assert used != ("on any machine" in notice.group(1))
    return used


@pytest.mark.parametrize("kind", ["own"], indirect=True)
@pytest.mark.parametrize("environment, opener, used", [
    ({}, "xdg-open", False),
    ({"DISPLAY": ":0"}, "xdg-open", True),
    ({"WAYLAND_DISPLAY": "wayland-0"}, "xdg-open", True),
    ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "192.0.2.1 40000 192.0.2.2 22"}, "xdg-open", False),
    ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/0"}, "xdg-open", False),
    ({"WSL_DISTRO_NAME": "Debian"}, "wslview", True),
    ({"SSH_CONNECTION": "192.0.2.1 40000 192.0.2.2 22", "BROWSER": "named-one"}, "named-one", True),
    ({"WSL_DISTRO_NAME": "Debian", "BROWSER": "named-one"}, "named-one", True),
], ids=lambda value: "+".join(value) or "nothing" if isinstance(value, dict) else str(value))
def test_a_browser_opens_where_the_user_sees_it(bare, environment, opener, used):
    assert opens(bare, opener, **environment) == used


@pytest.mark.parametrize("kind", ["own"], indirect=True)
@pytest.mark.parametrize("size, env, how", [
    (USUAL, {"LANG": "C.UTF-8"}, {}),
    (TALL, {"LANG": "C"}, {"ascii_only": True}),
    (TALL, {"LC_ALL": "C", "LANG": "C.UTF-8"}, {"ascii_only": True}),
    (USUAL, {"LANG": "de_DE.utf8", "TERM": "dumb"}, {"plain": True}),
    (TALL, {"LANG": "C", "TERM": "dumb"}, {"ascii_only": True, "plain": True}),
], ids=["half-blocks", "ascii", "lc-all", "no-colours", "ascii-no-colours"])
def test_the_code_on_the_terminal_says_the_link(bare, size, env, how):
    terminal = in_a_terminal(bare, "--no-browser", size=size, **env)
    link = terminal.expect(rf"\n({URL})\r\n").group(1)
    assert bare.edge.login_address().fullmatch(link) and len(link) <= size[0]
    open_elsewhere(bare, link)
    assert terminal.wait() == 0
    code = qr.read(bare.world, terminal.screen, **how)
    assert code == link.upper()
    open_elsewhere(bare, code)
    widest = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in qr.lines_of(terminal.screen))
    assert widest <= size[0]
    shown = terminal.screen[:terminal.screen.index("cfpipe: login: you are logged in")]
    assert rows_of(shown, size[0]) <= size[1], "all of it is on the screen at once"
    if how.get("ascii_only"):
        assert terminal.screen.isascii()
    assert ("\x1b" in terminal.screen) == (not how.get("plain"))


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_code_that_would_not_fit_is_not_shown(bare):
    for size, env in ((NARROW, {}), (USUAL, {"LANG": "C"})):
        terminal = in_a_terminal(bare, "--no-browser", size=size, **env)
        terminal.expect(rf"\n({URL})\r\n")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == REFUSED
        assert qr.lines_of(terminal.screen) == []


@pytest.mark.parametrize("kind", ["mock"], indirect=True)
def test_where_there_is_no_short_link_the_code_says_the_url(bare):
    terminal = in_a_terminal(bare, "--no-browser", size=LARGE)
    url = terminal.expect(rf"\n({URL})\r\n").group(1)
    open_elsewhere(bare, url)
    assert terminal.wait() == 0
    assert qr.read(bare.world, terminal.screen) == url


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_no_code_is_shown_where_a_browser_opens(bare):
    terminal = in_a_terminal(bare)
    assert terminal.wait() == 0
    assert bare.browser_runs() == 1
    assert qr.lines_of(terminal.screen) == []


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_browser_that_fails_is_made_up_for_by_the_code(bare):
    terminal = in_a_terminal(bare, BROWSER="false")
    link = terminal.expect(rf"\n({URL})\r\n").group(1)
    terminal.expect("no browser could be opened: false exited with status 1; ")
    open_elsewhere(bare, link)
    assert terminal.wait() == 0
    assert qr.read(bare.world, terminal.screen) == link.upper()


@pytest.mark.parametrize("opener, says", [
    ("exit 3", r"no browser could be opened: \S+ exited with status 3; open the URL above yourself$"),
    ("kill -KILL $$", r"no browser could be opened: \S+ was killed by signal 9; open the URL above yourself$"),
    (None, r"no browser could be opened: \S+: No such file or directory; open the URL above yourself$"),
], ids=["status", "signal", "missing"])
def test_an_opener_that_fails_is_named_and_the_login_goes_on(client, opener, says):
    path = client.world.path("bin", "opener") if opener is None else client.world.script("opener", opener)
    child = client.start("access", "login", "--quiet", client.edge.url(), env={"BROWSER": str(path)}, collect=True)
    url = child.stderr.wait_for(rf"^{URL}$").group(0)
    child.stderr.wait_for(says)
    open_elsewhere(client, url)
    assert child.wait() == 0
    assert client.token()
