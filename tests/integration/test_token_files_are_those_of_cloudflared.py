"""A login serves both programs, so names and formats of the files are the public client's."""

import re
import stat

from support import tokens


def test_app_token_file_is_named_after_application_and_audience(user):
    claims = tokens.claims(user.token())
    (aud,) = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    assert re.fullmatch("[0-9a-f]{64}", aud)
    path = user.home / f"vm.localhost-{aud}-token"
    assert path.read_text().strip() == user.token()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_org_token_file_is_named_after_the_auth_domain(user):
    path = user.home / f"{user.edge.auth_domain}-org-token"
    assert tokens.claims(path.read_text().strip())["type"] == "org"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_state_directory_is_private_and_no_lock_stays(user):
    assert stat.S_IMODE(user.home.stat().st_mode) == 0o700
    assert not list(user.home.glob("*.lock")) + list(user.home.glob("*.url"))


def test_a_token_that_the_other_client_has_written_is_used(user):
    """Bare, or with the newline that an editor leaves."""
    token, path = user.token(), user.token_file()
    for content in (token, token + "\n"):
        path.write_text(content)
        assert user.token() == token
        assert user.banner().startswith("SSH-2.0-")
    assert user.browser_runs() == 1


def test_missing_state_directory_is_made_private(client):
    (client.home / "trusted-auth-domains").unlink()
    client.home.rmdir()
    client.run("access", "login", "--auth-domain", "auth.localhost", client.edge.url()).ok()
    assert stat.S_IMODE(client.home.stat().st_mode) == 0o700
