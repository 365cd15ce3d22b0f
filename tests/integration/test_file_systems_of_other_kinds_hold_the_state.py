"""NFS without locks, SMB, FAT, FUSE: a state directory that lacks an ability of local file systems does all the same."""

import pytest

from support import limits, system_faults
from support.clients import CFPIPE, Ssh, assert_fails

pytestmark = [
    pytest.mark.skipif(limits.SANITIZED, reason="under strace there can be no leak checker"),
    pytest.mark.parametrize("kind", ["own"], indirect=True),
]
# What fails all the time, by the file systems where it does.
LACKING = {
    "NFS of read-only descriptors": ["flock:error=EBADF"],
    "NFSv3 without lockd": ["flock:error=ENOLCK", "renameat2:error=EINVAL"],
    "FAT": ["link:error=EPERM", "linkat:error=EPERM", "fchmod:error=EPERM", "flock:error=ENOSYS"],
    "a FUSE without links": ["link:error=ENOSYS", "linkat:error=ENOSYS", "renameat2:error=ENOSYS"],
    "one that has nothing to flush": ["fsync:error=EINVAL"],
}


def lacking(faults, argv):
    calls = [word for fault in faults for word in ("-e", f"inject={fault}")]
    traced = ",".join(fault.split(":")[0] for fault in faults)
    return [system_faults.STRACE, "-qq", "-o", "/dev/null", "-e", f"trace={traced}", *calls, CFPIPE, *argv]


@pytest.mark.parametrize("name", LACKING)
def test_the_state_is_kept(client, name):
    def run(*argv):
        return client.world.run(lacking(LACKING[name], argv), client.env).ok()

    for _ in range(2):
        run("access", "login", "--quiet", "--login-timeout", "30s", client.edge.url())
        left = [path.name for path in client.home.iterdir() if path.name.endswith(".lock") or path.name.startswith(".cfp")]
        assert left == []
        client.token_file().unlink()
    run("access", "login", "--quiet", client.edge.url())
    run("access", "ssh-gen", "--hostname", client.edge.host())
    assert client.file("*-cf_key").stat().st_mode & 0o777 == 0o600
    assert run("access", "ssh", "--hostname", client.edge.host()).output.startswith(b"SSH-2.0-")
    assert client.browser_runs() == 1


def test_a_lock_whose_holder_died_is_taken_over_where_there_is_no_flock(client):
    client.login()
    lock = client.token_file().with_name(client.token_file().name + ".lock")
    client.token_file().unlink()
    lock.write_text('{"pid":4194303,"start_time":1}\n')
    argv = ["access", "login", "--quiet", "--login-timeout", "30s", client.edge.url()]
    client.world.run(lacking(["flock:error=EBADF"], argv), client.env).ok()
    assert not lock.exists()


def test_where_the_state_holds_no_sockets_the_runtime_directory_does(user):
    """ssh-config tries it, and what it finds stands in the block."""
    runtime = user.world.path("run")
    runtime.mkdir(mode=0o700)
    home = str(user.home)
    only_here = ["bind:error=EPERM:when=1"]
    argv = ["access", "ssh-config", "--hostname", user.edge.host(), "--short-lived-cert"]
    text = user.world.run(lacking(only_here, argv), {**user.env, "XDG_RUNTIME_DIR": str(runtime)}).ok().stdout
    assert f"IdentityAgent {runtime}/cfpipe/" in text and f"{home}/agent" not in text
    assert Ssh(user, text=text).run("echo through").ok().stdout == "through\n"
    assert list(runtime.joinpath("cfpipe").iterdir()) == []


def test_where_there_can_be_no_agent_socket_the_other_style_is_named(user):
    agent = user.world.path("agent")
    argv = ["access", "ssh", "--hostname", user.edge.host(), "--agent", str(agent)]
    finished = user.world.run(lacking(["bind:error=EPERM"], argv), user.env)
    assert_fails(finished, 78, "state", "--style match")
