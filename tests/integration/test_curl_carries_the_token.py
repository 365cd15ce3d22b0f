"""`access curl`: the system's curl, with the application's token in its request and not among its arguments."""

import ssl

import pytest

from support import edges
from support.clients import CONFIGURATION, REFUSED, USAGE, assert_fails
from support.origin import Origin


def curl(client, *args, options=(), **run):
    return client.run(*options, "access", "curl", *args, **run)


def page(client, path="cdn-cgi/access/get-identity"):
    return f"{client.edge.url()}{path}"


def test_request_is_made_as_the_one_who_logged_in(user):
    shown = curl(user, page(user), "-sS").ok()
    assert user.edge.email in shown.stdout
    assert shown.stderr == ""
    assert user.browser_runs() == 1


def test_without_a_token_a_login_comes_first(client):
    assert client.edge.email in curl(client, page(client), "-sS").ok().stdout
    assert client.browser_runs() == 1
    assert client.token_file()


@pytest.mark.parametrize("flag", ["--allow-request", "-ar"])
def test_request_may_go_without_a_token(client, flag):
    answer = curl(client, flag, client.edge.url(), "-sS", "-o", "/dev/null", "-w", "%{http_code}").ok()
    assert answer.stdout == "302"
    assert answer.stderr == "cfpipe: token: there is none for vm.localhost; the request goes without\n"
    assert client.browser_runs() == 0
    client.login()
    assert client.edge.email in curl(client, flag, page(client), "-sS").ok().stdout


def test_status_and_input_are_those_of_curl(user):
    assert curl(user, page(user, "no-such-page"), "-sSf", "--max-filesize", "1").status in (22, 63)
    assert curl(user, page(user), "--no-such-option").status == 2
    sent = curl(user, page(user), "-sS", "-H", "@-", "--trace-ascii", "%", input=b"X-Typed: by hand\n").ok()
    assert "by hand" in sent.stdout + sent.stderr


def test_token_is_not_among_the_arguments(user, world):
    """A curl that shows its arguments, which a list of processes has, and then its configuration."""
    world.script("curl", """tr "\\0" "\\n" < /proc/$$/cmdline; echo ---; env; echo ---; cat "$3"; echo ---
cookies=$(sed -n 's/^cookie = "\\(.*\\)"$/\\1/p' "$3"); cat "$cookies" "$cookies"; ls -l /proc/$$/fd >&2""")
    shown = curl(user, user.edge.url(), "-X", "POST").ok()
    arguments, environment, configuration, cookies = shown.stdout.split("---\n")
    token = user.token()
    assert token not in arguments and token not in environment
    assert arguments.splitlines()[-5:] == [user.edge.url(), "-K", arguments.splitlines()[-3], "-X", "POST"]
    assert token not in configuration
    assert cookies == f"#HttpOnly_{user.edge.hosts[0]}\tFALSE\t/\tTRUE\t0\tCF_Authorization\t{token}\n" * 2, "it can be read again"
    assert "socket:" not in shown.stderr, "connections of ours are none of curl's business"


def test_token_goes_to_no_other_host(user, world):
    """Neither to a second URL nor to where an answer leads; the application's host gets it with each."""
    cert, key = world.certificate("stranger", "stranger.localhost")
    heard = []

    def hear(connection, _):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        with context.wrap_socket(connection, server_side=True) as inside:
            request = inside.recv(64 * 1024)
            heard.append(request)
            answer = b"200 OK" if b"GET /stay" in request else b"302 Found\r\nLocation: https://else.localhost:%d/stay" % port
            inside.sendall(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    port = int(world.closing(Origin(hear)).address.rpartition(":")[2])
    shown = curl(user, page(user), f"https://stranger.localhost:{port}/", page(user), "-sSLk", "-b", "mine=1").ok()
    assert shown.stdout.count(user.edge.email) == 2
    assert len(heard) == 2 and all(b"Host: " in request for request in heard)
    assert not any(user.token().encode() in request for request in heard)


def test_token_that_the_edge_does_not_take_is_replaced(user):
    path = user.token_file()
    head, body, signature = path.read_text().strip().split(".")
    path.write_text(".".join((head, body, signature[::-1])))
    assert user.edge.email in curl(user, page(user), "-sS").ok().stdout
    assert user.browser_runs() == 1  # the org token brought another


def test_our_own_options_stand_in_front_and_are_for_curl_too(user):
    """Where the edge really is, and whose certificate it shows, curl is told as well."""
    env = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    url = f"https://{edges.HOST}/cdn-cgi/access/get-identity"
    options = ["--ca-file", str(user.edge.ca_file), "--connect-to", f"127.0.0.1:{user.edge.port}"]
    assert user.edge.email in curl(user, url, "-sS", options=options, **env).ok().stdout
    assert curl(user, page(user), "-sS", **env).status == 69


def test_what_goes_wrong_is_said(client, world):
    assert_fails(curl(client), USAGE, "input", "URL first")
    assert_fails(curl(client, "-v", client.edge.url()), USAGE, "input", "URL first")
    client.login()
    nowhere = world.path("nowhere")
    nowhere.mkdir()
    assert_fails(curl(client, client.edge.url(), PATH=str(nowhere)), CONFIGURATION, "config", "curl")


def test_paths_leave_no_files_behind(user):
    before = set(user.snapshot())
    for path in ("a", "a/b/c", "d?e=f"):
        curl(user, page(user, path), "-sS").ok()
    assert set(user.snapshot()) == before
