"""An edge behind mutual TLS: the certificate of --cert is shown to the application's host, and what is wrong with it is said."""

import ssl

import pytest

from support.clients import CONFIGURATION, REFUSED, USAGE, assert_fails
from support.listener import Listener, first_line
from support.mutual_tls import Demanding

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


own_only = pytest.mark.parametrize("kind", ["own"], indirect=True)


@pytest.fixture(params=sorted(VERSIONS))
def front(world, user, request):
    front = Demanding(world, user.edge, VERSIONS[request.param])
    user.env["SSL_CERT_FILE"] = str(front.ca_file)
    return front


@pytest.fixture
def card(world):
    """--cert and --key-file of a client that the front knows."""
    cert, key = world.certificate("ann", "ann.example.test", "clientAuth")
    return ["--cert", cert, "--key-file", key]


def test_certificate_opens_the_way_to_the_application(front, user, card):
    assert user.banner("--hostname", front.host, *card).startswith("SSH-2.0-")
    subjects = [front.origin.events.next()]
    while not front.origin.events.empty():
        subjects.append(front.origin.events.next())
    assert set(subjects) == {((("commonName", "ann"),),)}


@own_only
def test_listener_shows_it_too(front, user, card):
    listener = Listener(user, "127.0.0.1:0", *card, host=front.host)
    with listener.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    assert listener.stop() == 0


@own_only
def test_one_file_may_hold_both(world, front, user, card):
    both = world.path("both.pem")
    both.touch(mode=0o600)
    both.write_text("".join(part.read_text() for part in card[1::2]))
    assert user.banner("--hostname", front.host, "--cert", both).startswith("SSH-2.0-")


@own_only
def test_no_certificate_is_named(front, user):
    files = user.snapshot()
    finished = user.run("access", "ssh", "--hostname", front.host)
    assert_fails(finished, REFUSED, "tls", r"(?=.*--cert)(?=.*none was given)")
    assert user.snapshot() == files


@own_only
def test_certificate_that_is_not_taken_is_named(world, front, user):
    cert, key = world.path("stranger.pem"), world.path("stranger-key.pem")
    world.run(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=stranger"]).ok()
    finished = user.run("access", "ssh", "--hostname", front.host, "--cert", cert, "--key-file", key)
    assert_fails(finished, REFUSED, "tls", "another one")


@own_only
@pytest.mark.parametrize("alpn", [[], ["h2"]])
def test_no_certificate_is_named_by_a_listener(world, user, alpn):
    """Over HTTP/2 too, where the server may say so after its first words."""
    front = Demanding(world, user.edge, VERSIONS["1.3"], alpn)
    user.env["SSL_CERT_FILE"] = str(front.ca_file)
    listener = Listener(user, host=front.host)
    with listener.connect() as connection:
        with pytest.raises(ConnectionError):
            first_line(connection)
    listener.child.stderr.wait_for("^cfpipe: tls: .*client certificate.*none was given")
    listener.stop()


@own_only
def test_session_of_one_certificate_is_not_resumed_with_another(world, front, user, card):
    """The second has no right to what the first has opened."""
    assert user.banner("--hostname", front.host, *card).startswith("SSH-2.0-")
    finished = user.run("access", "ssh", "--hostname", front.host)
    assert_fails(finished, REFUSED, "tls", "none was given")


@own_only
def test_files_that_cannot_be_used_are_named(world, user, card):
    _, cert, _, key = card
    other = world.certificate("bob", "bob.example.test", "clientAuth")[1]

    def fails(stage_says, cert, key, status=CONFIGURATION):
        finished = user.tunnel("--cert", cert, "--key-file", key)
        return assert_fails(finished, status, "config", stage_says)

    fails("not that of the certificate", cert, other)
    fails("no certificate in PEM", key, key)
    fails("no private key in PEM", cert, _private_copy(world, cert))
    fails("No such file", world.path("missing.pem"), key)
    fails("there is none", cert, world.path("missing.pem"))
    link = world.path("link.pem")
    link.symlink_to(key)
    fails("symbolic link", cert, link)
    key.chmod(0o640)
    fails("others may read it", cert, key)
    key.chmod(0o600)
    secret = world.path("encrypted.pem")
    world.run(["/usr/bin/openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:hush", "-out", secret]).ok()
    fails("without a passphrase", cert, secret)
    assert_fails(user.tunnel("--key-file", key), USAGE, "input", "--cert")


def _private_copy(world, path):
    copy = world.path("copy.pem")
    copy.touch(mode=0o600)
    copy.write_text(path.read_text())
    return copy
