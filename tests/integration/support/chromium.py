"""A real browser: Debian's Chromium without a screen, driven through WebDriver."""

import base64
import hashlib
import os
import shutil
import subprocess

import pytest

from support import limits


def spki_hash(world, certificate):
    """What Chromium calls a key: the digest of the certificate's public key."""
    pem = world.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"]).ok().stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem.encode(), capture_output=True, check=True)
    return base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()


def arguments(world, edge):
    """Of TLS certificates it believes what every browser does, and the edge's key; of hosts it can reach this machine
    alone."""
    out = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
           f"--ignore-certificate-errors-spki-list={spki_hash(world, edge.state / 'tls-cert.pem')}"]
    return out + (["--no-sandbox"] if os.getuid() == 0 else [])  # it refuses to start as root otherwise


class Chromium:
    """With a new profile."""

    def __init__(self, world, edge):
        program, driver = shutil.which("chromium"), shutil.which("chromedriver")
        webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed: run scripts/deps")
        if not program or not driver:
            pytest.skip("there is no chromium with chromedriver: run scripts/deps (Ubuntu has none outside of snap)")
        from selenium.webdriver.chrome.service import Service
        profile = world.path(f"chromium-{len(list(world.directory.glob('chromium-*')))}")
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for argument in ("--headless=new", f"--user-data-dir={profile}", *arguments(world, edge)):
            options.add_argument(argument)
        self.driver = webdriver.Chrome(service=Service(driver, env=world.env), options=options)
        self.driver.set_page_load_timeout(limits.COMMAND_DEADLINE)
        self.driver.implicitly_wait(limits.READY_DEADLINE)  # for an element to be there, not longer than it takes
        world.closing(self)

    def open(self, url):
        self.driver.get(url)

    @property
    def url(self):
        return self.driver.current_url

    def wait_for(self, text):
        """Until the page has that in it."""
        self.driver.find_element("xpath", f"//body//*[contains(normalize-space(.), {text!r})]")

    def fill(self, **fields):
        for name, value in fields.items():
            self.driver.find_element("name", name).send_keys(value)

    def press(self, label):
        self.driver.find_element("xpath", f"//button[contains(normalize-space(.), {label!r})]").click()

    def cookies(self):
        """Of the page's host, by name."""
        return {cookie["name"]: cookie for cookie in self.driver.get_cookies()}

    def close(self):
        self.driver.quit()
