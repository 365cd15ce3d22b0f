"""`access ssh-gen` makes no request while the certificate is good for at least a minute more."""

from support import certificates


def test_good_certificate_is_kept_with_the_edge_gone(user):
    user.ssh_gen().ok()
    files = user.snapshot("*-cf_key*")
    user.edge.stop()
    assert user.ssh_gen().ok().stderr == ""
    assert user.snapshot("*-cf_key*") == files


def test_certificate_about_to_expire_is_replaced(user):
    user.ssh_gen().ok()
    key = user.file("*-cf_key")
    certificates.replace_with_one_valid_for(user.world, key, seconds=30)
    stale = (user.home / f"{key.name}-cert.pub").read_text()
    user.ssh_gen().ok()
    assert (user.home / f"{key.name}-cert.pub").read_text() != stale
    assert user.browser_runs() == 1


def test_certificate_over_another_key_is_replaced(user):
    user.ssh_gen().ok()
    key = user.file("*-cf_key")
    certificate = user.home / f"{key.name}-cert.pub"
    stale = certificate.read_text()
    key.unlink()
    user.ssh_gen().ok()
    assert certificate.read_text() != stale
    derived = user.world.run(["ssh-keygen", "-l", "-f", key]).ok().stdout.split()[1]
    assert derived in certificates.shown(user.world, certificate)
