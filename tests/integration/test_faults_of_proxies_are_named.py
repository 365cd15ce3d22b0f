"""What can go wrong with a proxy is said to be the proxy's, whatever it does instead of its work."""

import pytest

from support.clients import CONFIGURATION, PROTOCOL, REFUSED, UNAVAILABLE, USAGE, Client, assert_fails
from support.origin import Origin

SECRET = "hush-hush"


@pytest.fixture
def client(world):
    """Of no edge at all: nothing here gets that far."""
    class Nowhere:
        ca_file, auth_host, hosts = "/etc/ssl/certs/ca-certificates.crt", "auth.example.test", ("vm.example.test",)
    return Client(world, Nowhere())


@pytest.fixture
def through(world, client):
    """The client's end, with a proxy of this scheme that does as it is told with each connection."""
    def run(scheme, serve, *more):
        proxy = world.closing(Origin(serve))
        url = f"{scheme}://user:{SECRET}@{proxy.address}"
        finished = client.run("access", "ssh", "--hostname", "vm.example.test", *more, HTTPS_PROXY=url)
        assert SECRET not in finished.stderr
        return finished
    return run


def answer(*parts, stay=True):
    """Reads the request, says this, and waits for the client to go, or goes itself."""
    def serve(connection, events):
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
        while stay and connection.recv(65536):
            pass
    return serve


ANSWERS = {
    "garbage": ("http", answer(b"\0\1\2\3" * 100), PROTOCOL, "not HTTP"),
    "ssh": ("http", answer(b"SSH-2.0-OpenSSH_9.2\r\n"), PROTOCOL, "not HTTP"),
    "huge header": ("http", answer(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20)), PROTOCOL, "endless"),
    "end at once": ("http", answer(stay=False), PROTOCOL, "closed"),
    "end in the middle": ("http", answer(b"HTTP/1.1 200 O", stay=False), PROTOCOL, "closed"),
    "407": ("http", answer(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest\r\n\r\n"), REFUSED, "status 407"),
    "403": ("http", answer(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), UNAVAILABLE, "status 403"),
    "502": ("http", answer(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), UNAVAILABLE, "status 502"),
    "socks garbage": ("socks5h", answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), PROTOCOL, "not SOCKS 5"),
    "socks end": ("socks5h", answer(b"\5", stay=False), PROTOCOL, "closed"),
    "socks no method": ("socks5h", answer(b"\5\xff"), REFUSED, "login"),
    "socks login refused": ("socks5h", answer(b"\5\2\1\1"), REFUSED, "login"),
    "socks not allowed": ("socks5h", answer(b"\5\0\5\2\0\1"), UNAVAILABLE, "not allowed"),
    "socks unreachable": ("socks5h", answer(b"\5\0\5\4\0\1"), UNAVAILABLE, "host unreachable"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_is_named(through, name):
    scheme, serve, status, says = ANSWERS[name]
    finished = through(scheme, serve)
    assert_fails(finished, status, "proxy", rf"(?=.*{says}).*{scheme}://127\.0\.0\.1:\d+ to vm\.example\.test:443")


def test_garbage_behind_the_answer_is_a_fault_of_tls(through):
    finished = through("http", answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"not TLS" * 10))
    assert_fails(finished, UNAVAILABLE, "tls", "vm.example.test")


@pytest.mark.parametrize("scheme", ["http", "socks5h", "https"])
def test_silence_is_given_up(through, scheme):
    finished = through(scheme, answer(), "--proxy-timeout", "300ms", "--tls-timeout", "300ms")
    assert_fails(finished, UNAVAILABLE, "proxy", "time")


def test_proxy_that_is_not_there(client, nobody_listens):
    argv = ["access", "ssh", "--hostname", "vm.example.test", "--proxy"]
    assert_fails(client.run(*argv, f"http://127.0.0.1:{nobody_listens}"), UNAVAILABLE, "proxy", "refused")
    assert_fails(client.run(*argv, "http://no-such-proxy.invalid:1"), UNAVAILABLE, "proxy", "no-such-proxy.invalid")


def test_url_that_cannot_be_used(client):
    argv = ["access", "ssh", "--hostname", "vm.example.test"]
    for text in (f"ftp://u:{SECRET}@proxy", f"http://u:{SECRET}@", f"http://u:{SECRET}@proxy/path"):
        for more, env, stage in ((["--proxy", text], {}, "input"), ([], {"https_proxy": text}, "config")):
            finished = client.run(*argv, *more, **env)
            assert_fails(finished, USAGE if more else CONFIGURATION, stage, "--proxy" if more else "https_proxy")
            assert SECRET not in finished.stderr
