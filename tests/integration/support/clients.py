"""The client under test, and the ssh that runs it."""

import re
import subprocess

from support import limits
from support.terminal import Terminal
from support.world import Finished

CFPIPE = limits.BUILD / "cfpipe"
# One line for a person: the stage, what happened, what to do.
ERROR_LINE = re.compile(r"cfpipe: (?P<stage>[a-z][a-z -]*): (?P<what>[^;\n]+(?:;[^;\n]+)*); (?P<todo>[^;\n]+)")

UNAVAILABLE, LOST, PROTOCOL, REFUSED, CONFIGURATION, USAGE = 69, 75, 76, 77, 78, 64


class Client:
    """cfpipe with a state directory of its own, on the terms of one edge."""

    def __init__(self, world, edge, name="state", browser_env=None):
        self.world, self.edge = world, edge
        self.home = world.path(name)
        self._browsed = world.path(f"{name}-browser-runs")
        browser = world.script(f"browser-of-{name}", f'''echo "$1" >> {self._browsed}
exec /usr/bin/env {" ".join(f"{k}={v}" for k, v in (browser_env or {}).items())} {limits.ROOT}/scripts/scripted-browser "$1" 2>> {world.path(f"{name}-browser.log")}''')
        self.env = {
            **world.env,
            "CFPIPE_HOME": str(self.home),
            "SSL_CERT_FILE": str(edge.ca_file),
            "BROWSER": str(browser),
        }
        self.trust(edge.auth_host)

    def trust(self, auth_domain):
        """As if an earlier command had been given --auth-domain."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "trusted-auth-domains").write_text(auth_domain + "\n")

    def run(self, *args, input=b"", deadline=limits.COMMAND_DEADLINE, **env):
        return self.world.run([CFPIPE, *args], {**self.env, **env}, input, deadline)

    def start(self, *args, env=None, **options):
        """The client left running; its standard input is a pipe unless told otherwise, its output the caller's to read."""
        env = {**self.env, **(env or {})}
        return self.world.start([CFPIPE, *args], env, **{"stdin": subprocess.PIPE, "collect": False, **options})

    def login(self, host=None):
        return self.run("access", "login", self.edge.url(host)).ok()

    def token(self, host=None):
        return self.run("access", "token", self.edge.url(host)).ok().stdout.strip()

    def tunnel(self, *more, host=None, **options):
        """`access ssh` to the application."""
        return self.run("access", "ssh", "--hostname", self.edge.host(host), *more, **options)

    def banner(self, *more, command=("access", "ssh"), host=None, **env):
        """Opens a tunnel, returns the first line that comes out of it, and lets it end in peace."""
        argv = [CFPIPE, *command, *(more or ("--hostname", self.edge.host(host)))]
        child = self.world.start(argv, {**self.env, **env}, stdin=subprocess.PIPE, collect=False)
        with child.process.stdout as output:
            line = output.readline().decode()
            child.process.stdin.close()
            status = child.wait()
        assert status == 0, (argv, line, child.stderr.text)
        return line

    def ssh_gen(self, host=None):
        return self.run("access", "ssh-gen", "--hostname", self.edge.host(host))

    def browser_runs(self):
        return self._browsed.read_text().count("\n") if self._browsed.exists() else 0

    def pages_opened(self):
        """Where the browser was sent."""
        return self._browsed.read_text().splitlines() if self._browsed.exists() else []

    def browsed(self, url):
        """Whether the browser was sent there."""
        return url in self.pages_opened()

    def file(self, pattern):
        """The one file of that pattern in the state directory."""
        found = sorted(self.home.glob(pattern))
        assert len(found) == 1, (pattern, sorted(self.home.iterdir()))
        return found[0]

    def token_file(self):
        return self.file(f"{self.edge.hosts[0]}-*-token")

    def forget_sessions(self):
        """What is left for the next connection is a full handshake."""
        for ticket in self.home.glob("*.tls-ticket"):
            ticket.unlink()

    def snapshot(self, pattern="*"):
        """Name and content of the files of that pattern, to see that they are left alone."""
        files = [p for p in sorted(self.home.glob(pattern)) if p.is_file()]
        return {p.name: p.read_bytes() for p in files if p.suffix != ".tls-ticket"}  # these come and go


class Ssh:
    """OpenSSH with a configuration and known hosts of its own; nothing of the user's is read or written."""

    def __init__(self, client, style=None, host=None, text=None):
        self.world, self.client = client.world, client
        self.host = host or client.edge.hosts[0]
        self.config = self.world.path(f"ssh_config-{len(list(self.world.directory.glob('ssh_config-*')))}")
        if text is None:
            argv = ["access", "ssh-config", "--hostname", client.edge.host(self.host), "--short-lived-cert", "--style", style]
            text = client.run(*argv).ok().stdout
        self.text = text
        self.config.write_text(f"""Host *
  UserKnownHostsFile {self.world.path("known_hosts")}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking accept-new
  PasswordAuthentication no
  KbdInteractiveAuthentication no

{self.text}""")
        # For programs that run ssh themselves, a ProxyCommand among them.
        self.world.script("ssh", f'exec /usr/bin/ssh -F {self.config} "$@"')

    def _argv(self, program, options=()):
        return [f"/usr/bin/{program}", "-F", self.config, *options]

    def run(self, command, *options, input=b"", deadline=limits.COMMAND_DEADLINE):
        return self.world.run(self._argv("ssh", options) + [self.host, command], self.client.env, input, deadline)

    def start(self, command, *options, **pipes):
        pipes = {"stdin": subprocess.PIPE, "collect": False, **pipes}
        return self.world.start(self._argv("ssh", options) + [self.host, command], self.client.env, **pipes)

    def terminal(self, *options, command=()):
        argv = self._argv("ssh", options) + [self.host, *command]
        return self.world.closing(Terminal(argv, {**self.client.env, "TERM": "dumb"}))

    def tool(self, *argv, cwd=None, deadline=limits.COMMAND_DEADLINE, **env):
        """A program that runs ssh itself, and finds it with this configuration."""
        return self.world.run(argv, {**self.client.env, **env}, deadline=deadline, cwd=cwd)

    def scp(self, *args):
        return self.world.run(self._argv("scp", ["-q"]) + list(args), self.client.env)

    def sftp(self, batch):
        return self.world.run(self._argv("sftp", ["-b", "-"]) + [self.host], self.client.env, batch.encode())


def assert_fails(finished, status, stage=None, says=None):
    """The exit status, nothing on standard output, and exactly one line on standard error that is fit for a person."""
    assert finished.status == status, finished
    assert finished.output == b"", finished
    lines = finished.stderr.splitlines()
    assert len(lines) == 1, finished
    match = ERROR_LINE.fullmatch(lines[0])
    assert match, finished
    if stage:
        assert match["stage"] == stage, finished
    if says:
        assert re.search(says, lines[0]), finished
    return match


def assert_logs_in_vain(finished, status, stage=None, says=None):
    """The same for a command that had to show the login URL first: a line that says what it is, and the URL alone."""
    notice, url, *rest = finished.stderr.splitlines()
    assert re.fullmatch("cfpipe: login: .*:", notice), finished
    assert re.fullmatch(r"https://\S+", url), finished
    return assert_fails(Finished(finished.argv, finished.status, finished.output, "\n".join(rest).encode()), status, stage, says)
