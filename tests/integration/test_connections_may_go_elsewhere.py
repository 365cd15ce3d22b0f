"""--connect-to: another address for the application's host, whose certificate is checked all the same."""

import pytest

from support.clients import UNAVAILABLE, USAGE, assert_fails
from support.edges import HOST


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "localhost:{port}", f"{HOST}:{{port}}:127.0.0.1"])
def test_tunnel_goes_there(user, form):
    """The name that is asked for leads nowhere: port 443 is closed here."""
    where = form.format(port=user.edge.port)
    assert user.banner("--hostname", HOST, "--connect-to", where).startswith("SSH-2.0-")
    assert_fails(user.run("access", "ssh", "--hostname", HOST), UNAVAILABLE)


def test_other_requests_to_the_application_go_there_too(client):
    where = ["--connect-to", f"127.0.0.1:{client.edge.port}"]
    client.login()
    assert client.run("access", "token", *where, f"https://{HOST}/").ok().stdout == client.token()


def test_certificate_of_another_name_is_refused(user):
    """cloudflared would look away."""
    assert_fails(user.run("access", "ssh", "--hostname", "else.localhost", "--connect-to", f"127.0.0.1:{user.edge.port}"),
                 UNAVAILABLE, "tls", "another name")
    assert_fails(user.run("access", "ssh", "--hostname", "else.localhost", "--connect-to", f"{HOST}:{user.edge.port}:127.0.0.1"),
                 USAGE, "input", "TLS")
