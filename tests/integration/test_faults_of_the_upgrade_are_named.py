"""Every answer that is no tunnel gets one line of its own, and leaves tokens and keys alone."""

import pytest

from support.clients import PROTOCOL, REFUSED, UNAVAILABLE, Client, assert_fails
from support.edges import Edge

ANSWERS = {
    200: (PROTOCOL, "WebSockets"),
    301: (PROTOCOL, "elsewhere"),
    307: (PROTOCOL, "elsewhere"),
    401: (REFUSED, "policy"),
    403: (REFUSED, "policy"),
    404: (PROTOCOL, "404"),
    429: (UNAVAILABLE, "wait"),
    500: (UNAVAILABLE, "cannot serve"),
    502: (UNAVAILABLE, "origin"),
    503: (UNAVAILABLE, "origin"),
    504: (UNAVAILABLE, "origin"),
    530: (UNAVAILABLE, "origin"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_is_named_with_its_status_and_ray(misbehaving, answer):
    client = misbehaving(f"upgrade-status={answer}")
    files = client.snapshot()
    status, says = ANSWERS[answer]
    assert_fails(client.tunnel(), status, "upgrade", rf"(?=.*{says})(?=.*status {answer}\b).*ray ")
    assert client.snapshot() == files
    assert client.browser_runs() == 1


def test_wrong_accept_is_a_fault_of_the_protocol(misbehaving):
    client = misbehaving("bad-accept")
    files = client.snapshot()
    assert_fails(client.tunnel(), PROTOCOL, "upgrade")
    assert client.snapshot() == files


def test_garbage_instead_of_an_answer_is_a_fault_of_the_protocol(misbehaving):
    client = misbehaving("garbage-answer=upgrade")
    files = client.snapshot()
    assert_fails(client.tunnel(), PROTOCOL, "upgrade")
    assert client.snapshot() == files


def test_endless_header_is_a_fault_of_the_protocol(misbehaving):
    client = misbehaving("huge-header=upgrade")
    files = client.snapshot()
    assert_fails(client.tunnel(), PROTOCOL, "upgrade")
    assert client.snapshot() == files


@pytest.mark.parametrize("fault", ["http-hang=upgrade", "upgrade-hang"])
def test_edge_that_does_not_answer_is_given_up(misbehaving, fault):
    client = misbehaving(fault)
    files = client.snapshot()
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade", "time")
    assert client.snapshot() == files


@pytest.mark.parametrize("fault, says", [("cert-expired", "clock"), ("cert-wrong-name", "name")])
def test_bad_server_certificate_is_a_fault_of_tls(misbehaving, fault, says):
    assert_fails(misbehaving(fault, login=False).tunnel(), UNAVAILABLE, "tls", says)


@pytest.mark.parametrize("fault, status", [("garbage-answer", PROTOCOL), ("huge-header", PROTOCOL), ("http-hang", UNAVAILABLE)])
def test_bad_answer_before_the_login_is_a_fault_of_http(misbehaving, fault, status):
    client = misbehaving(fault, login=False)
    assert_fails(client.tunnel(), status, "http")
    assert client.browser_runs() == 0


def test_rejected_token_is_replaced_once(misbehaving):
    client = misbehaving("reject-token=1")
    before = client.token_file().read_text()
    assert client.banner().startswith("SSH-2.0-")
    assert client.token_file().read_text() != before
    assert client.browser_runs() == 1


def test_token_that_is_rejected_for_ever_is_not_fetched_for_ever(misbehaving):
    client = misbehaving("reject-token=1000")
    assert_fails(client.tunnel(), REFUSED, "upgrade", "token")
    assert client.browser_runs() == 1
    assert sum(bool(request.get("upgrade")) for request in client.edge.requests()) == 2


def test_our_edge_says_why_it_does_not_reach_the_origin(world):
    client = Client(world, Edge(world, "own", "127.0.0.1:1"))
    client.login()
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade",
                 r"the origin of vm\.localhost is down: it refused the connection \(status 502, ray \S+\)")
