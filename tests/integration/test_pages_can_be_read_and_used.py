"""The pages around a sign-in in a real browser: at every width, light and dark, by keyboard; each leads on."""

import shlex

from support import world as worlds
from support.clients import CFPIPE, Client
from support.configured_edge import ConfiguredEdge
from support.playwright import play
from support.provider import IdentityProvider, PASSWORD
from support.scripted_provider import ScriptedProvider

DENIED = "mallory@example.com"
TCP = "db.localhost"
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}],
             "exclude": [{"email": DENIED}, {"email": "eve@example.com"}]}]


def test_around_a_sign_in(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, names=[TCP])
    edge.change(lambda config: config["applications"].append(
        {"hostname": TCP, "service": f"tcp://{sshd.address}", "policies": POLICIES}))
    edge.reload()
    client = Client(world, edge)
    client.env["BROWSER"] = "true"  # a machine whose own browser shows nothing
    waiting = []

    def log_in():
        child = client.start("access", "login", "--quiet", edge.url(), collect=True)
        waiting.append(child)
        return child.stderr.wait_for(r"^(https://\S+)$").group(1)

    def logged_in():
        [child] = waiting
        assert child.wait() == 0, child.stderr.text

    def run(command):
        """The line that the page says to run, as it is but for the port, which may be taken."""
        name, *argv = shlex.split(command)
        assert name == "cfpipe"
        at = argv.index("--url") + 1
        argv[at] = "127.0.0.1:0"
        child = world.start([CFPIPE, *argv, "--no-browser"], client.env)
        child.stderr.wait_for(r"listening on 127\.0\.0\.1:\d+")
        child.stop()
    play(world, edge, "pages.mjs", {"email": worlds.EMAIL, "denied": DENIED, "tcp": edge.url(TCP)},
         log_in=log_in, logged_in=logged_in, run=run)


def test_another_user_of_a_provider_that_remembers_the_first(world):
    eve = {"email": "eve@example.com", "email_verified": True}
    provider = IdentityProvider(world, {worlds.USER: {"email": worlds.EMAIL, "email_verified": True}, "eve": eve,
                                        "unverified": {**eve, "email_verified": False}})
    edge = ConfiguredEdge(world, "127.0.0.1:1", POLICIES, provider=provider.settings())
    provider.serve(edge)
    play(world, edge, "another_user.mjs", {"login": worlds.USER, "password": PASSWORD, "email": worlds.EMAIL})


def test_the_choice_among_providers(world):
    """Of three, whose names are short and as long as a name may be. People sign in at one of them."""
    partner = IdentityProvider(world)
    others = {name: ScriptedProvider(world).settings() for name in ("corp", "a-name-as-long-as-one-may-be.".ljust(64, "x"))}
    names = [*others, "partner"]
    edge = ConfiguredEdge(world, "127.0.0.1:1", POLICIES, provider=[
        {**settings, "name": name} for name, settings in {**others, "partner": partner.settings()}.items()])
    partner.serve(edge, "partner")
    client = Client(world, edge)

    def log_in():
        child = client.start("access", "login", "--quiet", "--no-browser", edge.url(), collect=True)
        return child.stderr.wait_for(r"^(https://\S+)$").group(1)
    play(world, edge, "choice.mjs", {"names": names, "login": worlds.USER, "password": PASSWORD, "email": worlds.EMAIL}, log_in=log_in)
