"""`access login`, `access token` and `access logout`."""

import time

from support import tokens, world
from support.clients import REFUSED, assert_fails


def test_login_opens_one_browser_and_token_prints_the_token_alone(client):
    login = client.login()
    assert client.browser_runs() == 1
    assert client.edge.login_address().search(login.stderr)  # for a person without a browser

    token = client.run("access", "token", client.edge.url()).ok()
    assert token.stderr == ""
    claims = tokens.claims(token.stdout.strip())
    assert claims["email"] == world.EMAIL
    assert claims["iss"] == f"https://{client.edge.auth_domain}"
    assert claims["exp"] > time.time()
    assert client.browser_runs() == 1


def test_login_again_uses_the_cached_token(user):
    before = user.token()
    user.login()
    assert user.browser_runs() == 1
    assert user.token() == before


def test_token_is_where_scripts_look_for_it(user):
    """On the third line of a login, alone, or all that there is; `token` has no newline either."""
    token = user.run("access", "token", user.edge.url()).ok().stdout
    assert token == token.strip() != ""
    title, empty, shown, *rest = user.login().stdout.split("\n")
    assert title.endswith(":") and (empty, shown, rest) == ("", token, ["", ""])
    for bare in (["--no-verbose", user.edge.url()], ["--app", user.edge.url()]):
        assert user.run("access", "login", *bare).ok().stdout == token
    assert user.run("access", "token", "--app", user.edge.url()).ok().stdout == token
    # The argument is the one that counts.
    assert user.run("access", "token", "--app", "https://absent.localhost:1/", user.edge.url()).ok().stdout == token
    assert user.run("access", "login", "-q", user.edge.url()).ok().stdout == ""


def test_quiet_login_keeps_the_token_to_itself(client):
    login = client.run("access", "login", "--quiet", client.edge.url()).ok()
    assert login.output == b""
    assert client.token()


def test_logout_removes_the_tokens_and_token_then_says_what_to_do(user):
    assert user.file("*-org-token")
    user.run("access", "logout", user.edge.url()).ok()
    assert not list(user.home.glob("*-token"))
    assert_fails(user.run("access", "token", user.edge.url()), REFUSED, "token", "login")
    assert user.browser_runs() == 1


def test_without_a_browser_the_url_is_enough(client):
    """--no-browser: the user opens the printed URL elsewhere."""
    login = client.start("access", "login", "--no-browser", client.edge.url(), collect=True)
    url = login.stderr.wait_for(client.edge.login_address().pattern).group(0)
    client.world.run([client.env["BROWSER"], url], client.env).ok()
    assert login.wait() == 0
    assert client.browser_runs() == 1
    assert client.token()
