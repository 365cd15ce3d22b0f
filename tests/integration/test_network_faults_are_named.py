"""What can go wrong before the edge has said a word: each has its stage and its next step."""

from support.clients import UNAVAILABLE, Client, assert_fails
from support.edges import Edge


def test_unknown_name_is_a_fault_of_dns(user):
    finished = user.run("access", "ssh", "--hostname", "no-such-host.invalid")
    assert_fails(finished, UNAVAILABLE, "dns", "no-such-host.invalid")


def test_refused_connection_is_a_fault_of_tcp(user, nobody_listens):
    finished = user.run("access", "ssh", "--hostname", f"vm.localhost:{nobody_listens}")
    assert_fails(finished, UNAVAILABLE, "tcp", "refused")


def test_unknown_issuer_is_a_fault_of_tls_that_names_the_option(user):
    files = user.snapshot()
    finished = user.tunnel(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    assert_fails(finished, UNAVAILABLE, "tls", "(?=.*issuer CN=).*--ca-file")
    assert user.snapshot() == files


def test_ca_file_option_is_enough_without_the_environment(user):
    line = user.banner("--hostname", user.edge.host(), "--ca-file", user.edge.ca_file,
                       SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    assert line.startswith("SSH-2.0-")


def test_directory_of_authorities_is_looked_at(world, user):
    def openssl(*argv):
        return world.run(["/usr/bin/openssl", *argv]).ok().stdout.strip()
    directory = world.path("authorities")
    directory.mkdir()
    name = openssl("x509", "-noout", "-hash", "-in", user.edge.ca_file)
    (directory / f"{name}.0").write_text(user.edge.ca_file.read_text())
    del user.env["SSL_CERT_FILE"]
    user.forget_sessions()
    assert user.banner(SSL_CERT_DIR=str(directory)).startswith("SSH-2.0-")
    user.forget_sessions()
    assert_fails(user.tunnel(SSL_CERT_DIR=str(world.path("tmp"))), UNAVAILABLE, "tls", "--ca-file")


def test_certificate_for_another_name_is_refused(user):
    """127.0.0.1 is where the edge listens, but not what its certificate says."""
    finished = user.run("access", "ssh", "--hostname", f"127.0.0.1:{user.edge.port}")
    assert_fails(finished, UNAVAILABLE, "tls")


def test_edge_gone_leaves_the_tokens_alone(user):
    files = user.snapshot()
    user.edge.stop()
    assert_fails(user.tunnel(), UNAVAILABLE, "tcp")
    assert user.snapshot() == files


def test_origin_that_refuses_is_a_fault_of_the_upgrade(world, kind, nobody_listens):
    user = Client(world, Edge(world, kind, f"127.0.0.1:{nobody_listens}"))
    user.login()
    files = user.snapshot()
    assert_fails(user.tunnel(), UNAVAILABLE, "upgrade", "502")
    assert user.snapshot() == files
