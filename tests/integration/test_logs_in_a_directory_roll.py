"""--log-directory: cfpipe.log in it, private, bounded; --log-file is appended to for ever."""

import stat

import pytest


def private(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_is_made_and_runs_append_to_one_file(user):
    directory = user.world.path("made", "for", "logs")
    for count in (1, 2):
        user.banner("--hostname", user.edge.host(), "--log-directory", str(directory))
        assert (directory / "cfpipe.log").read_text().count(" is open\n") == count
    assert (private(directory), private(directory / "cfpipe.log")) == (0o700, 0o600)


def test_full_log_is_set_aside_and_five_are_kept(user):
    directory = user.world.path("logs")
    directory.mkdir()
    (directory / "cfpipe.log").write_bytes(b"x" * 2**20)
    for number in range(1, 6):
        (directory / f"cfpipe.log.{number}").write_text(str(number))
    user.banner("--hostname", user.edge.host(), "--log-directory", str(directory))
    assert " is open\n" in (directory / "cfpipe.log").read_text()
    assert (directory / "cfpipe.log.1").stat().st_size == 2**20
    assert [(directory / f"cfpipe.log.{n}").read_text() for n in range(2, 6)] == ["1", "2", "3", "4"]
    assert len(list(directory.iterdir())) == 6


def test_file_wins_over_the_directory_and_does_not_roll(user):
    directory, log = user.world.path("logs"), user.world.path("one.log")
    log.write_bytes(b"x" * 2**20)
    user.banner("--hostname", user.edge.host(), "--log-directory", str(directory), "--logfile", str(log))
    assert not directory.exists()
    assert b"--log-directory" in log.read_bytes()
    assert log.stat().st_size > 2**20


@pytest.mark.parametrize("command, logs", [(["login", "--quiet"], True), (["ssh"], False)], ids=["login", "ssh"])
def test_log_variables_are_for_all_commands_but_tunnels(user, command, logs):
    log = user.world.path("by-variable.log")
    env = {"TUNNEL_LOGFILE": str(log), "TUNNEL_LOGLEVEL": "DEBUG"}
    if command == ["ssh"]:
        user.banner("--hostname", user.edge.host(), **env)
    else:
        user.run("access", *command, user.edge.url(), **env).ok()
    assert log.exists() == logs
    assert not logs or " debug " in log.read_text()
