"""A state directory that cannot be used, or files in it that are not ours, end the command and stay as they are."""

import os
import stat
import subprocess

import pytest

from support.clients import CFPIPE, CONFIGURATION, assert_fails
from support.world import Finished

OTHER_USER = 65534  # user and group
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


def test_state_directory_that_is_a_file(user):
    path = user.world.path("not-a-directory")
    path.write_text("precious")
    assert_fails(user.tunnel(CFPIPE_HOME=str(path)), CONFIGURATION, "state", "not-a-directory")
    assert path.read_text() == "precious"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_unreadable_state_directory(user):
    files = user.snapshot()
    user.home.chmod(0)
    try:
        assert_fails(user.tunnel(), CONFIGURATION, "state", str(user.home))
    finally:
        user.home.chmod(0o700)
    assert user.snapshot() == files


@ROOT_ONLY
def test_state_directory_unreadable_for_an_ordinary_user(user):
    files = user.snapshot()
    argv = [user.world.for_everyone(CFPIPE), "access", "ssh", "--hostname", user.edge.host()]
    done = subprocess.run(argv, env=user.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, user=OTHER_USER,
                          group=OTHER_USER, extra_groups=[])
    assert_fails(Finished(argv, done.returncode, done.stdout, done.stderr), CONFIGURATION, "state", str(user.home))
    assert user.snapshot() == files


@ROOT_ONLY
@pytest.mark.parametrize("pattern", ["vm.localhost-*-token", "*-org-token", "*-cf_key"])
def test_files_of_someone_else_are_not_believed(user, pattern):
    user.ssh_gen().ok()
    if pattern == "*-org-token":
        user.token_file().unlink()
    path = user.file(pattern)
    os.chown(path, OTHER_USER, OTHER_USER)
    files = user.snapshot()
    command = "ssh-gen" if pattern == "*-cf_key" else "ssh"
    finished = user.run("access", command, "--hostname", user.edge.host())
    assert_fails(finished, CONFIGURATION, "state", path.name)
    assert user.snapshot() == files
    assert path.stat().st_uid == OTHER_USER


@pytest.mark.parametrize("pattern", ["vm.localhost-*-token", "*-cf_key"])
def test_links_are_not_followed(user, pattern):
    user.ssh_gen().ok()
    path = user.file(pattern)
    target = user.world.path("elsewhere")
    path.rename(target)
    path.symlink_to(target)
    content = target.read_bytes()
    command = "ssh-gen" if pattern == "*-cf_key" else "ssh"
    finished = user.run("access", command, "--hostname", user.edge.host())
    assert_fails(finished, CONFIGURATION, "state", path.name)
    assert target.read_bytes() == content
    assert path.is_symlink()


def test_token_that_others_may_write_is_not_believed(user):
    path = user.token_file()
    path.chmod(0o666)
    assert_fails(user.tunnel(), CONFIGURATION, "state", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_directory_that_others_may_write_is_not_used(user):
    """As `mkdir` leaves it where the umask is 002."""
    user.home.chmod(0o775)
    says = r"state: can be written by others; .*chmod go-w.*umask"
    assert_fails(user.tunnel(), CONFIGURATION, "state", says)
    user.home.chmod(0o755)
    assert user.banner().startswith("SSH-2.0-")


def homeless(user):
    """The environment of an account without a home directory, as that of a container."""
    env = {name: value for name, value in user.env.items() if name != "CFPIPE_HOME"}
    return {**env, "HOME": "/nonexistent"}


def test_without_a_state_directory_what_has_to_be_kept_is_named(user):
    argv = [CFPIPE, "access", "login", "--quiet", "--auth-domain", user.edge.auth_host, user.edge.url()]
    finished = user.world.run(argv, homeless(user))
    assert_fails(finished, CONFIGURATION, "state", r"/nonexistent/\.cloudflared: No such file.*CFPIPE_HOME")
    argv = [CFPIPE, "access", "ssh", "--auth-domain", user.edge.auth_host, "--hostname", user.edge.host()]
    finished = user.world.run(argv, homeless(user))
    assert_fails(finished, CONFIGURATION, "state", r"/nonexistent/\.cloudflared.*CFPIPE_HOME")
    assert user.browser_runs() == 1, "only that of the user's login before"
