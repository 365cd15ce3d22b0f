"""Groups, addresses and exclusions decide end to end; a user who is kept out is told by which policy, on the command line too."""

import json

from support import world as worlds
from support.clients import Client, REFUSED, Ssh, assert_fails
from support.configured_edge import ConfiguredEdge

REASON = f"{worlds.EMAIL} may not reach vm.localhost: policy 'sre' excludes group night shift"
SRE = {"name": "sre", "decision": "allow", "include": [{"group": "sre"}], "require": [{"ip": "127.0.0.0/8"}]}
DAY = {**SRE, "exclude": [{"group": "night shift"}]}


def with_policies(edge, policies):
    """The same edge, its policies changed, started again on the same port."""
    config = json.loads(edge.config.read_text())
    config["applications"][0]["policies"] = policies
    config["listen"] = f"127.0.0.1:{edge.port}"
    config["auth_domain"] = edge.auth_domain
    edge.config.write_text(json.dumps(config))
    edge.stop()
    edge.child = edge.world.start(edge.child.argv)
    assert edge.child.ready_port() == edge.port


def test_group_and_address_let_ssh_through(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, [SRE], groups=["sre", "everybody"])
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    assert Ssh(client, "agent").run("echo made it").ok().stdout == "made it\n"
    assert client.browser_runs() == 1


def test_an_excluded_user_with_a_token_reads_why(world, sshd):
    named = {"name": "old", "decision": "deny", "include": [{"group": "night shift"}], "require": [{"ip": "192.0.2.1"}]}
    edge = ConfiguredEdge(world, sshd.address, [named, SRE], groups=["sre", "night shift"])
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.login()
    assert client.banner().startswith("SSH-2.0-")
    with_policies(edge, [DAY])
    assert_fails(client.tunnel(), REFUSED, "upgrade", f"refused access: {REASON} \\(status 403, ray .*policy")
    assert client.browser_runs() == 1
    client.token_file().unlink()
    # The org token is still good: it says who this is, so no browser needs to.
    assert_fails(client.tunnel(), REFUSED, "login", f"refused access: {REASON} \\(status 403, ray ")
    assert client.browser_runs() == 1
    denials = [row for row in edge.audit() if row["kind"] == "denial"]
    assert {(row["identity"], row["reason"]) for row in denials} == {
        (worlds.EMAIL, "policy 'sre' excludes group night shift")}


def test_policy_test_says_the_same(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, [DAY])
    argv = ["policy", "test", "--app", "vm.localhost", "--email", worlds.EMAIL, "--ip", "127.0.0.1", "--group", "sre"]
    assert edge.command(*argv).ok().stdout.startswith(f"allow: {worlds.EMAIL} may reach vm.localhost: policy 'sre' lets in group sre\n")
    denied = edge.command(*argv, "--group", "night shift")
    assert denied.status == REFUSED
    assert denied.stdout.startswith(f"deny: {REASON}\n")
