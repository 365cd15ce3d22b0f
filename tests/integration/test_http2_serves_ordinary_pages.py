"""Pages over HTTP/2, asked for by curl, which shares no code with the edge above nghttp2."""

import json

import pytest

from support import edges
from support.edges import Edge

TOO_LARGE = 300_000  # bytes of a body
HEAD_LIMIT = 32 * 1024  # bytes


@pytest.fixture
def fetch(world):
    edge = Edge(world, "own", "127.0.0.1:1")

    def ask(url, *more, version="--http2", body=b""):
        argv = ["curl", "-sS", version, "--max-time", "20", "--cacert", edge.ca_file, "--dump-header", "-", *more, url]
        head, _, content = world.run(argv, input=body).ok().output.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        return first.split(), {k.lower(): v for k, v in (line.split(": ", 1) for line in rest)}, content
    ask.app, ask.auth = edge.url(), f"https://{edge.auth_domain}"
    return ask


def test_a_page_is_the_same_over_both_versions(fetch):
    url = f"{fetch.auth}/cdn-cgi/access/certs"
    (version, status, *_), headers, content = fetch(url)
    assert (version, status) == ("HTTP/2", "200")
    assert json.loads(content)["keys"] and headers["cf-ray"]
    (version, status, *_), other_headers, other_content = fetch(url, version="--http1.1")
    assert (version, status, other_content) == ("HTTP/1.1", "200", content)
    assert set(headers) == set(other_headers)


def test_without_a_token_the_gate_leads_to_the_login(fetch):
    (version, status, *_), headers, _ = fetch(fetch.app)
    assert (version, status) == ("HTTP/2", "302")
    assert headers["location"].startswith(f"{fetch.auth}/cdn-cgi/access/login/{edges.HOST}")


def test_head_has_no_body(fetch):
    (_, status, *_), headers, content = fetch(f"{fetch.auth}/cdn-cgi/access/certs", "--head", "--output", "/dev/null")
    assert status == "200" and int(headers["content-length"]) > 0 and content == b""  # and curl found no body


@pytest.mark.parametrize("size, status", [(1000, "415"), (TOO_LARGE, "413")])
def test_bodies_are_read_up_to_their_bound(fetch, size, status):
    post = ["--data-binary", "@-", "-H", "Expect:"]
    (version, got, *_), _, _ = fetch(f"{fetch.auth}/cdn-cgi/access/cert_sign", *post, body=b"x" * size)
    assert (version, got) == ("HTTP/2", status)


@pytest.mark.parametrize("version, name", [("--http2", "HTTP/2"), ("--http1.1", "HTTP/1.1")])
def test_headers_are_read_up_to_their_bound(fetch, version, name):
    url = f"{fetch.auth}/cdn-cgi/access/certs"
    for size, status in ((HEAD_LIMIT // 2, "200"), (HEAD_LIMIT + 4096, "431")):
        (got, seen, *_), _, _ = fetch(url, "-H", f"X-Large: {'x' * size}", version=version)
        assert (got, seen) == (name, status), size
