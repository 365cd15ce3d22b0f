"""SIGHUP: a running edge serves by what its configuration says then, with the certificate that is there then. What is open stays
open where the new configuration would open it too, and a configuration with a fault changes nothing."""

import hashlib
import re
import socket
import ssl

import pytest

from support import limits, world as worlds
from support.clients import assert_fails, Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

EVERYBODY = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
NOT_ME = [{**EVERYBODY[0], "exclude": [{"email": worlds.EMAIL}]}]


def echo(connection, events):
    while data := connection.recv(65536):
        connection.sendall(data)


class Reloaded:
    def __init__(self, world, policies=EVERYBODY, **options):
        self.world = world
        self.edge = ConfiguredEdge(world, world.closing(Origin(echo)).address, policies, **options)
        self.client = Client(world, self.edge)
        self.client.login()

    def certificate(self):
        """Digest of what the edge shows."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.edge.port)) as tcp:
            with context.wrap_socket(tcp, server_hostname=self.edge.hosts[0]) as tls:
                return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


@pytest.fixture
def reloaded(world):
    return Reloaded(world)


class Tunnel:
    def __init__(self, client, *more):
        self._child = client.start("access", "ssh", "--hostname", client.edge.host(), *more)

    def answers(self, text):
        self._child.process.stdin.write(text)
        self._child.process.stdin.flush()
        return self._child.process.stdout.read(len(text)) == text

    def dismissed(self):
        """It ends by itself; what the edge said."""
        with self._child.process.stdout as output:
            assert output.read() == b""
        assert self._child.wait() == REFUSED, self._child.stderr.text
        return self._child.stderr.text

    def end(self):
        self._child.process.stdin.close()
        with self._child.process.stdout as output:
            assert output.read() == b""
        return self._child.wait()


@pytest.mark.parametrize("change, why", [
    (lambda app: app.update(policies=NOT_ME), "the application's policies do not admit you any more"),
    (lambda app: app["policies"][0].update(require=[{"ip": "192.0.2.0/24"}]), "the application's policies do not admit you any more"),
    (lambda app: app.update(hostname="new.localhost"), "the application is not served here any more"),
], ids=["person", "address", "application"])
def test_tunnels_that_would_not_be_opened_any_more_end(reloaded, change, why):
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"before")
    reloaded.edge.change(lambda config: config.update(session_duration="23h"))
    reloaded.edge.reload()
    assert tunnel.answers(b"as before" * 20_000)
    reloaded.edge.change(lambda config: change(config["applications"][0]))
    reloaded.edge.reload()
    assert why in tunnel.dismissed()
    assert reloaded.edge.wait_for_audit("tunnel_close")["reason"] == why


def test_a_destination_that_is_led_to_no_more_ends(world):
    origin = world.closing(Origin(echo)).address
    reloaded = Reloaded(world, more_app={"destinations": [origin]})
    staying = Tunnel(reloaded.client)
    assert staying.answers(b"the application's own")
    going = Tunnel(reloaded.client, "--destination", origin)
    assert going.answers(b"before")
    reloaded.edge.change(lambda config: config["applications"][0].update(destinations=["192.0.2.1:22"]))
    reloaded.edge.reload()
    assert "does not lead to that destination any more" in going.dismissed()
    assert staying.answers(b"and on") and staying.end() == 0


def test_a_group_that_is_gone_at_the_next_sign_in_ends_tunnels(world):
    policies = [{"name": "sre", "decision": "allow", "include": [{"group": "sre"}]}]
    reloaded = Reloaded(world, policies, groups=["sre"])
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"before")
    again = Client(world, reloaded.edge, name="again")
    again.login()
    assert tunnel.answers(b"the same groups")
    # What the provider says; the edge hears of it when that person signs in. A second group lets them in still.
    reloaded.edge.change(lambda config: config["identity_provider"].update(groups=["dev"]))
    reloaded.edge.change(lambda config: config["applications"].append({**config["applications"][0], "hostname": "dev.localhost",
                                                                       "policies": [{"name": "dev", "decision": "allow", "include": [{"group": "dev"}]}]}))
    names, key = world.certificate("both", f"{reloaded.edge.hosts[0]},DNS:dev.localhost,DNS:auth.localhost")
    reloaded.edge.change(lambda config: config.update(tls={"certificate": str(names), "key": str(key)}))
    reloaded.edge.reload()
    assert tunnel.answers(b"after a reload")
    third = Client(world, reloaded.edge, name="third")
    third.env["SSL_CERT_FILE"] = str(world.path("test-ca.pem"))
    third.login("dev.localhost")
    assert "do not admit you any more" in tunnel.dismissed()


def test_policies_hold_from_then_on_and_tunnels_stay_where_that_is_said(world):
    reloaded = Reloaded(world, more={"open_tunnels": "stay"})
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"before")
    reloaded.edge.change(lambda config: config["applications"][0].update(policies=NOT_ME))
    reloaded.edge.reload()
    assert tunnel.answers(b"after" * 20_000)
    assert_fails(reloaded.client.tunnel(), REFUSED, "upgrade", "policy 'all' excludes email")
    reloaded.edge.change(lambda config: config["applications"][0].update(policies=EVERYBODY))
    reloaded.edge.reload()
    second = Tunnel(reloaded.client)
    assert second.answers(b"again") and tunnel.answers(b"still")
    assert tunnel.end() == 0 and second.end() == 0


def test_a_renewed_certificate_is_shown(reloaded):
    before = reloaded.certificate()
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"before")
    renewed, key = reloaded.world.certificate("renewed", reloaded.edge.hosts[0])
    reloaded.edge.change(lambda config: config.update(tls={"certificate": str(renewed), "key": str(key)}))
    reloaded.edge.reload()
    assert reloaded.certificate() != before
    assert tunnel.answers(b"after")
    # One that cannot be used changes nothing, the policies that come with it included.
    def spoil(config):
        config["tls"]["key"] = str(reloaded.edge.config)
        config["applications"][0]["policies"] = NOT_ME
    shown = reloaded.certificate()
    reloaded.edge.change(spoil)
    reloaded.edge.reload(says="not reloaded")
    assert reloaded.certificate() == shown
    assert tunnel.answers(b"and on") and tunnel.end() == 0
    # By the policies of before, and believed by who knows the new certificate's authority.
    reloaded.client.env["SSL_CERT_FILE"] = str(reloaded.world.path("test-ca.pem"))
    second = Tunnel(reloaded.client)
    assert second.answers(b"renewed") and second.end() == 0


def test_a_fault_is_said_with_its_line_and_changes_nothing(reloaded):
    good = reloaded.edge.config.read_text()
    reloaded.edge.config.write_text(good.replace('"decision": "allow"', '"decision": "perhaps"'))
    reloaded.edge.reload(says="not reloaded")
    assert re.search(rf"^{re.escape(str(reloaded.edge.config))}:1: .*decision", reloaded.edge.child.stderr.text, re.MULTILINE)
    assert Tunnel(reloaded.client).answers(b"as before")
    reloaded.edge.config.unlink()
    reloaded.edge.reload(says="not reloaded")
    reloaded.edge.config.write_text(good)
    reloaded.edge.reload()
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"as before") and tunnel.end() == 0


def test_what_takes_a_restart_is_said(reloaded):
    def elsewhere(config):
        config.update(listen="127.0.0.1:1", threads=7, admin_listen="127.0.0.1:1")
        config["applications"][0]["policies"] = NOT_ME
    reloaded.edge.change(elsewhere)
    reloaded.edge.reload()
    reloaded.edge.child.stderr.wait_for("what takes a restart: listen, admin_listen, threads$")
    assert_fails(reloaded.client.tunnel(), REFUSED, "upgrade", "policy 'all' excludes email")


@pytest.mark.parametrize("change, says", [
    ({"auth_domain": "login.localhost"}, "another auth_domain takes a restart"),
    ({"identity_provider": {"type": "oidc", "issuer": "https://idp.example.com", "client_id": "x"}}, "another type of identity_provider takes a restart"),
])
def test_a_change_that_cannot_be_applied_changes_nothing(reloaded, change, says):
    reloaded.edge.change(lambda config: config.update(change))
    reloaded.edge.change(lambda config: config["applications"][0].update(policies=NOT_ME))
    reloaded.edge.reload(says="not reloaded")
    assert f"cfpipe-edge: {says}\n" in reloaded.edge.child.stderr.text
    tunnel = Tunnel(reloaded.client)
    assert tunnel.answers(b"as before") and tunnel.end() == 0


def test_applications_come_and_go(reloaded):
    host = reloaded.edge.hosts[0]
    def rename(config):
        config["applications"][0]["hostname"] = "new.localhost"
    reloaded.edge.change(rename)
    reloaded.edge.reload()
    gone = reloaded.client.tunnel()
    assert gone.status != 0 and "421" in gone.stderr, gone
    names, key = reloaded.world.certificate("both", f"{host},DNS:new.localhost,DNS:auth.localhost")
    reloaded.edge.change(lambda config: config.update(tls={"certificate": str(names), "key": str(key)}))
    reloaded.edge.reload()
    reloaded.client.env["SSL_CERT_FILE"] = str(reloaded.world.path("test-ca.pem"))
    done = reloaded.client.run("access", "ssh-gen", "--hostname", reloaded.edge.host("new.localhost"))
    assert done.status == 0, done
