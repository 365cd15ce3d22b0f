"""`access ssh-gen`: the three files that IdentityFile and CertificateFile name."""

import stat

from support import certificates, world


def test_files_have_the_names_formats_and_modes_of_the_public_client(user):
    user.ssh_gen().ok()
    key, public, certificate = (user.home / f"vm.localhost-cf_key{suffix}" for suffix in ("", ".pub", "-cert.pub"))
    assert key.read_text().startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert public.read_text().startswith("ecdsa-sha2-nistp256 ")
    assert certificate.read_text().startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com ")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in (public, certificate):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o022


def test_certificate_is_for_the_public_key_and_the_user(user):
    user.ssh_gen().ok()
    key = user.file("*-cf_key")
    derived = user.world.run(["ssh-keygen", "-y", "-f", key]).ok().stdout.split()[:2]
    assert (user.home / f"{key.name}.pub").read_text().split()[:2] == derived

    shown = certificates.shown(user.world, f"{key}-cert.pub")
    fingerprint = user.world.run(["ssh-keygen", "-l", "-f", key]).ok().stdout.split()[1]
    assert f"Public key: ECDSA-CERT {fingerprint}" in shown
    assert certificates.principals(user.world, f"{key}-cert.pub") == [world.USER]
    for extension in ("permit-pty", "permit-port-forwarding", "permit-agent-forwarding"):
        assert extension in shown


def test_nothing_is_printed_that_is_not_asked_for(user):
    assert user.ssh_gen().ok().output == b""


def test_ssh_gen_logs_in_by_itself(client):
    client.ssh_gen().ok()
    assert client.browser_runs() == 1
    assert client.file("*-cert.pub")
