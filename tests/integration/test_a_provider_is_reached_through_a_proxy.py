"""The edge reaches its identity provider through a proxy, of its configuration or of its environment; the provider's name is known to the
proxy alone."""

import pytest

from support.configured_edge import ConfiguredEdge
from support.provider import IdentityProvider
from support.proxies import HOST, PROXIES, USER, Tinyproxy
from support.visitor import Web

ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


@pytest.fixture
def provider(world):
    certificate, key = world.certificate("idp", HOST)[:2]
    return IdentityProvider(world, tls={"host": HOST, "certificate": certificate, "key": key})


def edge_of(world, provider, run_by=(), **more):
    edge = ConfiguredEdge(world, "127.0.0.1:1", ALLOW, run_by=run_by,
                          provider={**provider.settings(), "ca_file": str(world.path("test-ca.pem")), **more})
    provider.serve(edge)
    return edge


def sign_in(world, edge, provider):
    web = Web(edge.ca_file)
    web.tls.load_verify_locations(world.path("test-ca.pem"))
    page = web.follow(edge.url())
    return provider.sign_in(web, page) if page.status == 200 else page


def login_file(world, text):
    path = world.path("proxy-login")
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("kind", sorted(PROXIES))
def test_by_the_configuration(world, provider, kind):
    proxy = PROXIES[kind](world)
    edge = edge_of(world, provider, proxy=proxy.url, proxy_login_file=login_file(world, f"{USER}:{proxy.password}\n"))
    page = sign_in(world, edge, provider)
    assert page.status == 200 and "You are signed in" in page.page, page
    assert proxy.was_asked_for(provider.issuer.removeprefix("https://"))
    log = edge.child.stderr.text
    assert f"through proxy {proxy.url}" in log and proxy.password not in log, log


def test_by_the_environment(world, provider):
    proxy = Tinyproxy(world)
    run_by = ("env", f"HTTPS_PROXY={proxy.url_with_login}")
    edge = edge_of(world, provider, run_by)
    assert sign_in(world, edge, provider).status == 200
    assert proxy.was_asked_for(provider.issuer.removeprefix("https://"))
    assert proxy.password not in edge.child.stderr.text
    for more in ({"proxy": "none"}, {"run_by": (*run_by, f"NO_PROXY={HOST}")}):
        past = edge_of(world, provider, **{"run_by": run_by, **more})
        page = Web(past.ca_file).follow(past.url())
        assert page.status == 503 and "its name" in page.page, (more, page)


def test_faults_of_the_proxy_are_named(world, provider):
    proxy = Tinyproxy(world, only_port=1)
    wrong = login_file(world, f"{USER}:wrong\n")
    says = {
        "wants another login": {"proxy": proxy.url, "proxy_login_file": wrong},
        "cannot be reached": {"proxy": "http://127.0.0.1:9"},
    }
    for words, more in says.items():
        edge = edge_of(world, provider, **more)
        page = Web(edge.ca_file).follow(edge.url())
        assert page.status == 503 and f"its proxy {words}" in page.page, (words, page)
    right = login_file(world, f"{USER}:{proxy.password}\n")
    page = sign_in(world, edge_of(world, provider, proxy=proxy.url, proxy_login_file=right), provider)
    assert page.status == 503 and "its proxy does not lead there" in page.page, page


def test_a_login_that_cannot_be_used_is_a_fault_of_the_configuration(world, provider):
    proxy = Tinyproxy(world)
    edge = edge_of(world, provider, proxy=proxy.url)
    for text, says in (("no-colon\n", "must be user:password"), (":password\n", "must be user:password"),
                       ("", "has nothing in its first line")):
        path = login_file(world, text)
        edge.change(lambda config: config["identity_provider"].update(proxy_login_file=path))
        edge.reload(says=says)
    edge.change(lambda config: config["identity_provider"].update(proxy="http://ann:hush-hush@127.0.0.1:1"))
    refused = edge.command("check-config").failed(78)
    assert "proxy_login_file" in refused.stderr and "hush-hush" not in refused.stderr
