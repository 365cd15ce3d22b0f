"""`cfpipe-connector doctor`, proxies, monitoring, and addresses of each user's own."""

import re
import urllib.error
import urllib.request

import pytest

from support import origin as origins, proxies
from support.bare_machine import BareMachine
from support.connector_edge import ConnectorEdge
from support.connector_fixtures import connector, edge  # fixtures
from support.enrolled_connector import Connector, PROGRAM


@pytest.fixture
def ssh(world):
    def serve(connection, events):
        events.put(connection.getpeername()[0])
        connection.sendall(b"Welcome\r\nSSH-2.0-Test_1.0\r\n")
        while connection.recv(4096):
            pass
    return world.closing(origins.Origin(serve))


def doctor(connector, *more, env=None, origins=()):
    argv = ["doctor", "--state", connector.state, "--ca-file", connector.edge.ca_file, *more]
    argv += [part for origin in origins for part in ("--origin", origin)]
    return connector.command(*argv, env=env)


def results(finished):
    """{step: result}"""
    return dict(re.findall(r"^  (\S+) +(ok|failed|skipped)\b", finished.stdout, re.MULTILINE))


def test_all_is_well(edge, connector, ssh):
    done = doctor(connector, origins=[ssh.address, "10.0.0.0/8:22"]).ok()
    assert results(done) == {"enrolment": "ok", "dns": "ok", "proxy": "skipped", "tcp": "ok", "tls": "ok", "attach": "ok",
                             ssh.address: "ok", "10.0.0.0/8:22": "skipped"}
    assert "SSH-2.0-Test_1.0" in done.stdout and f"doctor: office of {edge.name}" in done.stdout


def test_a_connector_that_was_revoked_is_told(edge, connector, ssh):
    edge.revoke_all()
    done = doctor(connector, origins=[ssh.address]).failed(77)
    assert results(done)["attach"] == "failed" and results(done)[ssh.address] == "ok"
    assert re.search(r"attach +failed .*the edge refuses this connector: .*revoked \(status 403\)\n +fix: if it was revoked, enrol",
                     done.stdout)


def test_an_edge_that_is_down_is_told(edge, connector):
    edge.stop()
    done = doctor(connector, origins=["10.0.0.0/8:22"]).failed(69)
    assert results(done) == {"enrolment": "ok", "dns": "ok", "proxy": "skipped", "tcp": "failed", "tls": "skipped",
                             "attach": "skipped", "10.0.0.0/8:22": "skipped"}


def test_an_authority_that_is_not_trusted_is_told(world, edge, connector):
    done = connector.command("doctor", "--state", connector.state, "--origin", "10.0.0.0/8:22")
    assert "the certificate's issuer is not trusted" in done.failed(69).stdout
    trusting = {**world.env, "SSL_CERT_FILE": str(edge.ca_file)}
    connector.command("doctor", "--state", connector.state, "--origin", "10.0.0.0/8:22", env=trusting).ok()


def test_what_is_not_enrolled_still_hears_of_its_origins(world, edge, ssh):
    connector = Connector(world, edge)
    done = doctor(connector, origins=[ssh.address]).failed(78)
    assert "cfpipe-connector enroll" in done.stdout
    assert results(done)["enrolment"] == "failed" and results(done)[ssh.address] == "ok"


def test_an_origin_that_is_down_is_told(connector, nobody_listens):
    done = doctor(connector, origins=[f"127.0.0.1:{nobody_listens}"]).failed(69)
    assert "the connection was refused" in done.stdout and results(done)["attach"] == "ok"


@pytest.mark.parametrize("kind", sorted(proxies.PROXIES))
def test_the_way_may_lead_through_a_proxy(world, kind):
    proxy = proxies.PROXIES[kind](world)
    edge = ConnectorEdge(world, proxies.AUTH_HOST)  # a name that the proxy alone can look up
    connector = Connector(world, edge)
    connector.enroll("--proxy", proxy.url_with_login).ok()
    done = doctor(connector, "--proxy", proxy.url_with_login, origins=["10.0.0.0/8:22"]).ok()
    assert results(done)["proxy"] == "ok" and results(done)["tcp"] == "skipped"
    assert proxy.password not in done.stdout and proxy.password_in_url not in done.stdout
    connector.start(env={**world.env, "ALL_PROXY": proxy.url_with_login})
    edge.attached(2)
    assert f"{proxies.AUTH_HOST}:{edge.port}" in proxy.asked(1)
    assert connector.child.stop() == 0
    assert "name does not resolve" in doctor(connector, "--proxy", "none").failed(69).stdout


def test_a_proxy_of_the_configuration_goes_before_that_of_the_environment(world, edge, connector, nobody_listens):
    config = world.path("connector.yaml")
    config.write_text("proxy: none\norigins: ['10.0.0.0/8:22']\n")
    env = {**world.env, "HTTPS_PROXY": f"http://127.0.0.1:{nobody_listens}", "NO_PROXY": ""}
    doctor(connector, "--config", config, env=env).ok()
    config.write_text(f"proxy: http://127.0.0.1:{nobody_listens}\norigins: ['10.0.0.0/8:22']\n")
    failed = doctor(connector, "--config", config).failed(69)
    assert results(failed)["proxy"] == "failed"


def test_monitoring_listens_where_it_is_told_and_nowhere_else(world, edge, connector, ssh):
    config = world.path("connector.yaml")
    config.write_text("metrics: 127.0.0.1:0\n")
    connector.start(config=config, origins=[ssh.address])
    address = connector.said(r"metrics at (http://127\.0\.0\.1:\d+)/metrics").group(1)
    tunnel = edge.attached(2)[0].open(authority=ssh.address)
    assert tunnel.status == 200
    tunnel.wait_for(10)
    assert edge.attached(2)[0].open(authority="10.0.0.1:22").status == 403

    def get(path):
        with urllib.request.urlopen(address + path) as answer:
            return answer.read().decode()
    text = get("/metrics")
    for line in ("cfpipe_connector_connections 2", "cfpipe_connector_tunnels 1", "cfpipe_connector_tunnels_opened_total 1",
                 'cfpipe_connector_tunnels_refused_total{reason="not-allowed"} 1',
                 'cfpipe_connector_tunnel_bytes_total{direction="from_origin"} 27'):
        assert line in text.splitlines()
    assert get("/healthz") == "ok\n" and get("/readyz") == "ready\n"
    with pytest.raises(urllib.error.HTTPError):
        get("/other")


def test_a_place_that_is_taken_is_told(world, connector, nobody_listens):
    config = world.path("connector.yaml")
    config.write_text(f"metrics: 127.0.0.1:{nobody_listens}\n")
    done = connector.command("run", "--state", connector.state, "--config", config)
    assert "listen: cannot listen there" in done.failed(78).stderr


def test_each_user_may_have_an_address_of_their_own(world, edge, connector, ssh):
    config = world.path("connector.yaml")
    config.write_text("per_user_addresses: true\n")
    connector.start(config=config, origins=[ssh.address])
    link = edge.attached(2)[0]
    seen = []
    for subject in ("alice@example.com", "bob@example.com", "alice@example.com"):
        assert link.open(authority=ssh.address, subject=subject).status == 200
        seen.append(ssh.events.next())
    assert seen[0] == seen[2] == "127.144.152.49" and seen[1] != seen[0]
    assert link.open(authority=ssh.address, subject=None).status == 200
    assert ssh.events.next() == "127.0.0.1"


def test_all_users_come_from_loopback_otherwise(edge, connector, ssh):
    connector.start(origins=[ssh.address])
    assert edge.attached(2)[0].open(authority=ssh.address).status == 200
    assert ssh.events.next() == "127.0.0.1"


def test_rules_of_sshd_that_addresses_of_users_would_break_are_told(world):
    machine = BareMachine(world, [])
    machine.write("/etc/ssh/sshd_config", "Port 22\nAllowUsers ann@127.0.0.1 bob\n")
    shown = machine.run([PROGRAM, "doctor", "--state", world.path("nowhere")]).stdout
    assert shown.endswith("  note: /etc/ssh/sshd_config:2: AllowUsers ann@127.0.0.1 takes 127.0.0.1 for another address than the rest of "
                          "127.0.0.0/8, where tunnels come from with per_user_addresses; name 127.0.0.0/8 there first\n"), shown
    machine.write("/etc/ssh/sshd_config", "Port 22\nAllowUsers ann@127.0.0.0/8 bob\n")
    assert "note:" not in machine.run([PROGRAM, "doctor", "--state", world.path("nowhere")]).stdout
