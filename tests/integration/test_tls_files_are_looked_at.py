"""What is wrong with an edge's TLS files is said by check-config, with the line, and never asked about at a terminal."""

import json
import os
import pty
import select

import pytest

from support import limits
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS

CONFIG = 78


def openssl(world, *argv):
    return world.run(["openssl", *argv]).ok()


@pytest.fixture
def edge(world):
    return ConfiguredEdge(world, "127.0.0.1:1", [{"name": "all", "decision": "allow", "include": ["everyone"]}])


def with_files(edge, **files):
    config = json.loads(edge.config.read_text())
    config["tls"].update({name: str(path) for name, path in files.items()})
    path = edge.world.path("edge.json")
    path.write_text(json.dumps(config))
    return path


def on_a_terminal(world, argv):
    """Its status and all that it says, with a terminal as all of its streams."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], [str(word) for word in argv], {**world.env})
    said = b""
    while select.select([terminal], [], [], limits.READY_DEADLINE)[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
        if b"pass phrase:" in said:
            os.write(terminal, b"\x04")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_a_key_with_a_pass_phrase_is_named_without_a_prompt(edge):
    world = edge.world
    closed = world.path("closed.pem")
    openssl(world, "genrsa", "-aes128", "-passout", "pass:phrase", "-out", closed, "2048")
    config = with_files(edge, key=closed)
    for command in ("check-config", "run"):
        status, said = on_a_terminal(world, [PROGRAMS["own"], command, "--config", config])
        assert status == CONFIG and "has a pass phrase" in said and "Enter" not in said, said


def test_files_that_do_not_go_together_are_faults_and_others_warnings(edge):
    world = edge.world
    other = world.path("other.pem")
    openssl(world, "genrsa", "-out", other, "2048")
    mine = json.loads(edge.config.read_text())["tls"]
    for files, says in (({"key": other}, f":1: {other}: is not the key of the certificate in {mine['certificate']}"),
                        ({"certificate": "/nowhere.pem"}, ":1: /nowhere.pem: No such file or directory")):
        config = with_files(edge, **files)
        done = world.run([PROGRAMS["own"], "check-config", "--config", config]).failed(CONFIG)
        assert f"{config}{says}" in done.stderr, done
    named = world.path("named.pem")
    openssl(world, "req", "-x509", "-key", other, "-out", named, "-days", "2", "-subj", "/CN=x", "-addext",
            "subjectAltName=DNS:vm.localhost")
    config = with_files(edge, key=other, certificate=named)
    done = world.run([PROGRAMS["own"], "check-config", "--config", config]).ok()
    assert done.stderr == f"{config}: warning: {named}: the certificate is not for auth.localhost\n", done
