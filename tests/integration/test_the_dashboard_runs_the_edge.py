"""The dashboard in a real browser, beside the servers and clients that it is about."""

from support import limits, servers, world as worlds
from support.clients import Client, Ssh
from support.configured_edge import ConfiguredEdge
from support.connector import Connector
from support.playwright import play
from support.provider import IdentityProvider, PASSWORD
from support.servers import Sshd

ADMINISTRATOR = {"email": "boss@example.com", "email_verified": True}
OTHER = {"email": "eve@example.com", "email_verified": True}
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]},
            {"name": "programs", "decision": "service_auth", "include": [{"any_valid_service_token": True}]}]


def test_an_administrators_rounds(world):
    provider = IdentityProvider(world, {worlds.USER: {"email": worlds.EMAIL, "email_verified": True},
                                        "boss": ADMINISTRATOR, "eve": OTHER})
    sshd = Sshd(world)
    edge = ConfiguredEdge(world, sshd.address, POLICIES, provider=provider.settings(),
                          more_app={"browser_rendering": "ssh"},
                          more={"administrators": {"include": [{"email": ADMINISTRATOR["email"]}]}})
    provider.serve(edge)
    client = Client(world, edge)
    sign_in = limits.ROOT / "tests/integration/support/sign_in.py"
    client.env["PYTHONPATH"] = str(limits.ROOT / "tests/integration")
    client.env["BROWSER"] = str(world.script(
        "person", f'exec /usr/bin/python3 {sign_in} "$1" {edge.ca_file} {worlds.USER} "{PASSWORD}" >/dev/null'))
    client.login()
    held = []

    def connect():
        """Under a certificate of now, not one that is still there."""
        for file in client.home.glob("*-cert.pub"):
            file.unlink()
        assert Ssh(client, "match").run("echo made it").ok().stdout == "made it\n"

    def set_up(line):
        """The line that the page says to run on a server, at a configuration of the test's own; the keys that it trusts then."""
        etc = world.path("etc")
        etc.mkdir()
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", etc / "host_key"]).ok()
        (etc / "sshd_config").write_text(f"Include {etc}/sshd_config.d/*.conf\nUsePAM no\nHostKey {etc}/host_key\n")
        env = {**world.env, "PATH": f"{limits.BUILD}:{world.env['PATH']}"}
        world.run(["sh", "-c", f"{line} --sshd-config {etc}/sshd_config --no-reload"], env).ok()
        return (etc / "cfpipe_user_ca_keys").read_text()

    def use_token(variables):
        env = {**client.env, **dict(line.split("=", 1) for line in variables.splitlines()),
               "CFPIPE_HOME": str(world.path("program"))}
        child = client.start("access", "ssh", "--hostname", edge.host(), env=env)
        with child.process.stdout as output:
            assert output.readline().startswith(b"SSH-2.0-"), child.stderr.text
            child.process.stdin.close()
        assert child.wait() == 0, child.stderr.text

    def enrol(token):
        assert Connector(world, edge).enroll(token)[0] == 200

    def hold_open():
        child = client.start("access", "ssh", "--hostname", edge.host())
        assert child.process.stdout.readline().startswith(b"SSH-2.0-"), child.stderr.text
        held.append(child)

    def was_ended():
        [child] = held
        with child.process.stdout, child.process.stdin:
            assert child.wait() == 77, child.stderr.text
        child.stderr.wait_for("an administrator has ended it")

    settings = {"login": worlds.USER, "terminals": servers.gives_terminals(), "administrator": "boss", "administratorEmail": ADMINISTRATOR["email"], "other": "eve",
                "password": PASSWORD, "email": worlds.EMAIL}
    play(world, edge, "dashboard.mjs", settings, trust=sshd.trust, connect=connect, set_up=set_up,
         use_token=use_token, enrol=enrol, hold_open=hold_open, was_ended=was_ended)
