"""`ssh-config --install` and `--uninstall`, as ssh itself sees them: with the account's home directory where it looks."""

import os
import re
import shutil
import stat

import pytest

from support import world as worlds
from support.clients import CFPIPE, CONFIGURATION, Client, assert_fails
from support.edges import Edge
from support.user_home import UserHome

INCLUDE = "Include config.d/cfpipe\n"


@pytest.fixture
def home(world):
    return UserHome(world)


def ssh_config(home, *args, program=CFPIPE, env=None):
    return home.run(program, "access", "ssh-config", *args, env=env)


def install(home, *args, **more):
    done = ssh_config(home, "--install", *args, **more).ok()
    assert done.stdout == ""
    return done


def seen_by_ssh(home, host, *more):
    """What ssh makes of it all: {keyword: value}."""
    shown = home.run("/usr/bin/ssh", "-G", *more, host).ok().stdout
    return dict(line.partition(" ")[::2] for line in shown.splitlines())


def write(path, text, mode=0o600):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize("style", ["plain", "agent", "chain"])
def test_ssh_uses_what_was_installed(home, style):
    more = [] if style == "plain" else ["--short-lived-cert", "--style", style]
    install(home, "--hostname", "vm.example.com:8443", *more)
    seen = seen_by_ssh(home, "vm.example.com")
    assert f"{CFPIPE} access ssh" in seen["proxycommand"]
    host = '"$1"' if style == "chain" else "'%h'"
    assert f"--hostname {host}:8443" in seen["proxycommand"]
    assert "proxycommand" not in seen_by_ssh(home, "other.example.com")
    assert style != "agent" or "/.cloudflared/agent-" in seen["identityagent"]


def test_new_files_are_private_and_leave_no_trace(home):
    before = home.snapshot()
    install(home, "--hostname", "vm.example.com")
    for path, mode in [(home.path(), 0o700), (home.path("config"), 0o600), (home.path("config.d"), 0o700),
                       (home.path("config.d/cfpipe"), 0o600)]:
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
    assert home.path("config").read_text() == INCLUDE
    shutil.rmtree(home.directory / ".cloudflared")
    ssh_config(home, "--uninstall").ok()
    assert home.snapshot() == before


@pytest.mark.parametrize("text", ["", "\n", "# mine\nHost a\n  User b", "Host *\r\n  User c\r\n", "User x\n"])
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_configuration_that_was_there_comes_back_byte_for_byte(home, text, mode):
    home.path().mkdir(mode=0o700)
    home.path("config").write_bytes(text.encode())
    home.path("config").chmod(mode)
    before = home.snapshot()
    for _ in range(2):
        install(home, "--hostname", "vm.example.com")
        assert home.path("config").read_bytes() == INCLUDE.encode() + text.encode()
        assert stat.S_IMODE(home.path("config").stat().st_mode) == mode
    shutil.rmtree(home.directory / ".cloudflared")
    ssh_config(home, "--uninstall").ok()
    assert home.snapshot() == before
    ssh_config(home, "--uninstall").ok()
    assert home.snapshot() == before


def test_several_hosts_have_a_block_each_that_is_replaced(home):
    write(home.path("config"), "User x\n")
    for host in ("a.example.com", "b.example.com", "*.c.example.com", "a.example.com:8443"):
        install(home, "--hostname", host)
    text = home.path("config.d/cfpipe").read_text()
    assert re.findall("^Host (.*)$", text, re.MULTILINE) == ["a.example.com", "b.example.com", "*.c.example.com"]
    assert seen_by_ssh(home, "a.example.com")["proxycommand"].endswith("--hostname '%h':8443")
    assert seen_by_ssh(home, "x.c.example.com")["proxycommand"].endswith("--hostname '%h'")
    again = home.snapshot()
    install(home, "--hostname", "b.example.com")
    assert home.snapshot() == again
    ssh_config(home, "--uninstall", "--hostname", "a.example.com").ok()
    assert "proxycommand" not in seen_by_ssh(home, "a.example.com")
    assert "proxycommand" in seen_by_ssh(home, "b.example.com")
    ssh_config(home, "--uninstall", "--hostname", "b.example.com").ok()
    assert home.path("config").read_text() == INCLUDE + "User x\n"
    ssh_config(home, "--uninstall", "--hostname", "*.c.example.com").ok()
    assert home.path("config").read_text() == "User x\n"
    assert not home.path("config.d").exists()


def test_options_of_the_user_still_hold_behind_the_include(home):
    """A block in the included file ends with it: what follows in the user's own is about every host again."""
    write(home.path("config"), "User everywhere\n")
    install(home, "--hostname", "vm.example.com")
    for host in ("vm.example.com", "other.example.com"):
        assert seen_by_ssh(home, host)["user"] == "everywhere"


def test_linked_configuration_stays_linked(home):
    kept = home.directory / "dotfiles/ssh-config"
    write(kept, "User x\n", 0o644)
    home.path().mkdir(mode=0o700)
    home.path("config").symlink_to("../dotfiles/ssh-config")
    before = home.snapshot()
    install(home, "--hostname", "vm.example.com")
    assert home.path("config").is_symlink()
    assert kept.read_text() == INCLUDE + "User x\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o644
    shutil.rmtree(home.directory / ".cloudflared")
    ssh_config(home, "--uninstall").ok()
    assert home.snapshot() == before


def test_directory_that_is_included_already_is_not_included_twice(home):
    write(home.path("config"), "Include config.d/*\nUser x\n")
    home.path("config.d").mkdir(mode=0o700)
    install(home, "--hostname", "vm.example.com")
    assert home.path("config").read_text() == "Include config.d/*\nUser x\n"
    assert "proxycommand" in seen_by_ssh(home, "vm.example.com")
    ssh_config(home, "--uninstall").ok()
    assert home.path("config").read_text() == "Include config.d/*\nUser x\n"
    assert home.path("config.d").is_dir()


def test_what_is_not_safely_the_users_is_refused(home):
    write(home.path("config"), "User x\n", 0o666)
    assert_fails(ssh_config(home, "--install", "--hostname", "vm.example.com"), CONFIGURATION, "config", "written by others")
    home.path("config").unlink()
    home.path("config").symlink_to("nowhere")
    assert_fails(ssh_config(home, "--install", "--hostname", "vm.example.com"), CONFIGURATION, "config", "leads nowhere")
    home.path("config").unlink()
    home.path("config").mkdir()
    assert_fails(ssh_config(home, "--install", "--hostname", "vm.example.com"), CONFIGURATION, "config", "not a plain file")
    home.path("config").rmdir()
    if os.getuid() == 0:
        write(home.path("config"), "User x\n")
        os.chown(home.path("config"), 1, -1)
        assert_fails(ssh_config(home, "--install", "--hostname", "vm.example.com"), CONFIGURATION, "config", "another user")
        assert home.path("config").read_text() == "User x\n"
    assert not home.path("config.d/cfpipe").exists()


def test_home_that_ssh_does_not_read_is_pointed_out(world):
    env = {**world.env, "HOME": str(world.path("user"))}
    done = world.run([CFPIPE, "access", "ssh-config", "--install", "--hostname", "vm.example.com"], env).ok()
    assert "not $HOME" in done.stderr
    assert world.path("user/.ssh/config").read_text() == INCLUDE


@pytest.mark.parametrize("style", ["agent", "match"])
def test_ssh_runs_a_program_whose_path_has_spaces_and_percent_signs(home, world, kind, sshd, style):
    """The whole way: installed, read by ssh from its own place, a command run on the server."""
    edge = Edge(world, kind, sshd.address)
    sshd.trust(edge.ssh_ca())
    program = world.path("my tools", "100%h %d", "copy of cfpipe")
    program.parent.mkdir(parents=True)
    shutil.copy(CFPIPE, program)
    client = Client(world, edge)
    client.login()
    env = {**client.env, "CFPIPE_HOME": str(client.home.rename(world.path("state %h of mine")))}
    install(home, "--hostname", edge.host(), "--short-lived-cert", "--style", style, program=program, env=env)
    options = ["-o", f"UserKnownHostsFile={world.path('known_hosts')}", "-o", "StrictHostKeyChecking=accept-new",
               "-o", "BatchMode=yes"]
    done = home.run("/usr/bin/ssh", *options, "-l", worlds.USER, edge.hosts[0], "echo through", env=env).ok()
    assert done.stdout == "through\n"
