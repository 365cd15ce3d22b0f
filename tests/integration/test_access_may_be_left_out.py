"""`cfpipe ssh` is `cfpipe access ssh`, and so are its aliases."""

import pytest


@pytest.mark.parametrize("command", [["ssh"], ["access", "ssh"], ["access", "tcp"], ["access", "rdp"], ["access", "smb"]],
                         ids=" ".join)
def test_access_may_be_left_out(user, command):
    assert user.banner(command=command).startswith("SSH-2.0-")


@pytest.mark.parametrize("option", ["--hostname", "-T", "--tunnel-host"])
def test_the_host_option_has_the_names_of_the_public_client(user, option):
    assert user.banner(option, user.edge.host()).startswith("SSH-2.0-")


def test_the_host_may_come_from_the_environment(user):
    assert user.banner("--log-level", "error", TUNNEL_SERVICE_HOSTNAME=user.edge.host()).startswith("SSH-2.0-")
