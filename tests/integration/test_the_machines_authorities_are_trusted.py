"""What other programs of the machine trust: directories with and without hashed names, and bundles."""

import shutil
import subprocess

import pytest

from support import user_home
from support.clients import CFPIPE, UNAVAILABLE, assert_fails

CERTS = "/etc/ssl/certs"


@pytest.fixture
def plain(user):
    """A user with no variable that names an authority, and a certificate that has to be verified each time."""
    del user.env["SSL_CERT_FILE"]
    user.forget_sessions()
    return user


def hashed(world, directory, certificate):
    directory.mkdir(exist_ok=True)
    name = world.run(["/usr/bin/openssl", "x509", "-noout", "-hash", "-in", certificate]).ok().stdout.strip()
    shutil.copy(certificate, directory / f"{name}.0")
    return directory


def another_authority(world):
    path = world.path("another.pem")
    subject = ["-subj", "/CN=another authority", "-nodes", "-keyout", "/dev/null", "-out", path]
    world.run(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *subject]).ok()
    return path


def test_plain_files_of_a_directory_are_read(plain):
    directory = plain.world.path("authorities")
    directory.mkdir()
    shutil.copy(plain.edge.ca_file, directory / "corp-root.crt")
    assert plain.banner(SSL_CERT_DIR=f"/nonexistent:{directory}").startswith("SSH-2.0-")


def test_a_named_file_does_not_hide_the_directory(plain):
    directory = hashed(plain.world, plain.world.path("authorities"), plain.edge.ca_file)
    another = another_authority(plain.world)
    assert plain.banner(SSL_CERT_FILE=str(another), SSL_CERT_DIR=str(directory)).startswith("SSH-2.0-")


def test_a_named_file_that_is_gone_is_passed_over(plain):
    directory = hashed(plain.world, plain.world.path("authorities"), plain.edge.ca_file)
    gone = str(plain.world.path("gone.pem"))
    assert plain.banner(SSL_CERT_FILE=gone, SSL_CERT_DIR=str(directory)).startswith("SSH-2.0-")
    plain.forget_sessions()
    assert_fails(plain.tunnel(SSL_CERT_FILE=gone), UNAVAILABLE, "tls", "--ca-file")


class Machine:
    """Programs started by it see `directory` as the machine's own."""

    def __init__(self, world):
        if subprocess.run([*user_home.ENTER, "true"], capture_output=True).returncode != 0:
            pytest.skip("a mount namespace is needed to give a program another /etc/ssl/certs")
        self.world = world
        self.directory = world.path("certs")
        self.directory.mkdir()
        self.script = world.script("on-that-machine", f'mount --bind {self.directory} {CERTS} && exec "$@"')

    def tunnel(self, user):
        argv = [*user_home.ENTER, self.script, CFPIPE, "access", "ssh", "--hostname", user.edge.host()]
        return self.world.run(argv, user.env)


def test_a_bundle_alone_is_enough(plain):
    machine = Machine(plain.world)
    another = another_authority(plain.world)
    bundle = machine.directory / "ca-certificates.crt"
    bundle.write_text(another.read_text())
    assert_fails(machine.tunnel(plain), UNAVAILABLE, "tls", "--ca-file")
    bundle.write_text(another.read_text() + plain.edge.ca_file.read_text())
    assert machine.tunnel(plain).ok().output.startswith(b"SSH-2.0-")


def test_what_was_appended_to_the_bundle_counts(plain):
    machine = Machine(plain.world)
    hashed(plain.world, machine.directory, another_authority(plain.world))
    (machine.directory / "ca-certificates.crt").write_text(plain.edge.ca_file.read_text())
    assert machine.tunnel(plain).ok().output.startswith(b"SSH-2.0-")
    # No ticket of what was trusted once lets in what is not any more.
    (machine.directory / "ca-certificates.crt").write_text("")
    assert_fails(machine.tunnel(plain), UNAVAILABLE, "tls", "--ca-file")
