"""With a proxy in its environment or on its command line the client sends everything through it, names included."""

import pytest

from support import proxies
from support.clients import CONFIGURATION, REFUSED, UNAVAILABLE, Ssh, assert_fails
from support.listener import Listener, first_line
from support.proxies import HOST, PROXIES, USER, far_client


@pytest.fixture(params=sorted(PROXIES))
def proxy(world, request):
    return PROXIES[request.param](world)


def test_login_certificate_and_tunnel_go_through_it(world, kind, sshd, proxy):
    """Only the proxy knows the names: what goes past it fails."""
    client = far_client(world, kind, sshd, proxy)
    for style in ("match", "agent"):
        assert Ssh(client, style).run("echo through").ok().stdout == "through\n"
    for name in (HOST, proxies.AUTH_HOST):
        assert proxy.was_asked_for(f"{name}:{client.edge.port}")
    asked = proxy.asked()
    assert {a.rsplit(":", 1)[0] for a in asked} == {HOST, proxies.AUTH_HOST}
    client.forget_sessions()
    assert_fails(client.run("access", "ssh", "--hostname", client.edge.host(), "--proxy", "none"), UNAVAILABLE, "dns", HOST)


def test_http2_goes_through_it(world, kind, sshd, proxy):
    client = far_client(world, kind, sshd, proxy)
    listener = Listener(client)
    for _ in range(2):
        with listener.connect() as connection:
            assert first_line(connection).startswith("SSH-2.0-")
    assert listener.stop() == 0


def test_option_is_before_the_environment_and_reaches_this_machine_too(world, user, proxy):
    closed_port = "http://127.0.0.1:9"
    line = user.banner("--hostname", user.edge.host(), "--proxy", proxy.url_with_login, HTTPS_PROXY=closed_port)
    assert line.startswith("SSH-2.0-")
    assert proxy.was_asked_for(user.edge.host())


def test_connect_to_is_where_the_proxy_is_sent(world, sshd, proxy):
    client = far_client(world, "own", sshd, proxy)
    client.forget_sessions()
    here = f"127.0.0.1:{client.edge.port}"
    line = client.banner("--hostname", f"{HOST}:{client.edge.port}", "--connect-to", here, "--proxy", proxy.url_with_login)
    assert line.startswith("SSH-2.0-")
    assert proxy.was_asked_for(here)
    # An address of this machine is not for the proxy of the environment.
    before = len(proxy.asked())
    assert client.banner("--hostname", f"{HOST}:{client.edge.port}", "--connect-to", here).startswith("SSH-2.0-")
    assert len(proxy.asked()) == before


VARIABLES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_of_the_field_is_looked_at(world, sshd, variable):
    proxy = PROXIES["socks"](world)
    client = far_client(world, "own", sshd, **{variable: proxy.url_with_login})
    assert client.banner().startswith("SSH-2.0-")
    assert proxy.was_asked_for(f"{HOST}:{client.edge.port}")


def test_no_proxy_takes_hosts_out(world, sshd, proxy):
    client = far_client(world, "own", sshd, proxy)
    for variable, value in [("NO_PROXY", HOST), ("no_proxy", f"other.invalid, .{HOST.split('.', 1)[1]}")]:
        finished = client.tunnel(**{variable: value})
        assert_fails(finished, UNAVAILABLE, "dns", HOST)
    assert client.banner(NO_PROXY="behind-proxy.example").startswith("SSH-2.0-")


def test_this_machine_is_not_for_the_proxy_of_the_environment(user):
    assert user.banner(HTTPS_PROXY="http://127.0.0.1:9").startswith("SSH-2.0-")


def test_a_variable_that_is_not_understood_counts_only_where_the_proxy_would(world, sshd, user):
    """cloudflared never looks at ALL_PROXY."""
    broken = {"ALL_PROXY": "socks4://127.0.0.1:9/"}
    assert user.banner(**broken).startswith("SSH-2.0-")
    far = far_client(world, "own", sshd, login=False)
    finished = far.tunnel(**broken)
    assert_fails(finished, CONFIGURATION, "config", "ALL_PROXY takes .*NO_PROXY")
    assert_fails(far.tunnel(NO_PROXY="*", **broken), UNAVAILABLE, "dns", HOST)


def test_socks_alone_is_socks5_as_desktops_set_it(world, sshd):
    proxy = PROXIES["socks"](world)
    client = far_client(world, "own", sshd, ALL_PROXY=proxy.url_with_login.replace("socks5h:", "socks:") + "/")
    assert client.banner().startswith("SSH-2.0-")
    assert proxy.was_asked_for(f"{HOST}:{client.edge.port}")


def test_socks5_looks_the_name_up_here(world, user):
    proxy = PROXIES["socks"](world)
    line = user.banner("--hostname", user.edge.host(), "--proxy", proxy.url_with_login.replace("socks5h:", "socks5:"))
    assert line.startswith("SSH-2.0-")
    assert proxy.asked(at_least=1) == [f"127.0.0.1:{user.edge.port}"]


def test_proxy_that_is_spoken_to_over_tls(world, kind, sshd):
    client = far_client(world, kind, sshd, login=False)
    proxy = PROXIES["http"](world)
    cert, key = world.certificate("proxy", "proxy.localhost")
    front = proxies.TlsFront(world, (proxy.address, proxy.port), cert, key)
    trusted = world.path("both.pem")
    trusted.write_text(client.edge.ca_file.read_text() + world.path("test-ca.pem").read_text())
    login = f"{USER}:{proxy.password_in_url}"
    client.env.update(HTTPS_PROXY=f"https://{login}@proxy.localhost:{front.port}", SSL_CERT_FILE=str(trusted))
    client.login()
    assert Ssh(client, "agent").run("echo through").ok().stdout == "through\n"
    client.env["SSL_CERT_FILE"] = str(client.edge.ca_file)
    assert_fails(client.tunnel(), UNAVAILABLE, "proxy", "CN=Test CA")


def test_proxy_wants_a_login_or_another_one(world, sshd, proxy):
    client = far_client(world, "own", sshd, login=False)
    wrong = proxy.url_with_login.replace(proxy.password_in_url, "wr0ng-s3cret")
    for url in (proxy.url, wrong):
        finished = client.tunnel(HTTPS_PROXY=url)
        assert_fails(finished, REFUSED, "proxy", "login")
        assert "wr0ng" not in finished.stderr and USER not in finished.stderr


def test_proxy_that_does_not_let_it_through(world, sshd):
    client = far_client(world, "own", sshd, login=False)
    proxy = PROXIES["http"](world, login=False, only_port=443)
    assert_fails(client.tunnel(HTTPS_PROXY=proxy.url), UNAVAILABLE, "proxy", rf"{HOST}:\d+ \(status 403\)")


def test_edge_that_the_proxy_does_not_reach(world, sshd, proxy):
    client = far_client(world, "own", sshd, proxy)
    client.edge.stop()
    assert_fails(client.tunnel(), UNAVAILABLE, "proxy", HOST)


def test_password_is_in_no_log(world, sshd, proxy):
    client = far_client(world, "own", sshd, proxy, login=False)
    log = world.path("client.log")
    client.run("access", "login", "--log-level", "trace", "--log-file", log, client.edge.url()).ok()
    said = client.run("access", "token", "--log-level", "trace", "--proxy", proxy.url_with_login, client.edge.url()).ok()
    for text in (log.read_text(), said.stderr):
        for secret in (proxy.password, proxy.password_in_url, "YW5uOn"):  # the last: `ann:` in base64
            assert secret not in text
