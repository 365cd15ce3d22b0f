"""The identity provider that people sign in at: the npm package oidc-provider, which this project did not write."""

import json
import os
import subprocess

from support import npm, world as worlds

PASSWORD = "correct horse battery staple"
CLIENT_ID = "cfpipe-test"


def installed():
    """Where the package is."""
    return npm.installed("oidc", "provider.mjs")


class IdentityProvider:
    """`accounts`: by login name, the claims; all have one password. `client`: further client metadata."""

    def __init__(self, world, accounts=None, client=None, id_token_claims=False, tls=None):
        self.world = world
        self.accounts = accounts or {worlds.USER: {"email": worlds.EMAIL, "email_verified": True}}
        self.client = {
            "client_id": CLIENT_ID,
            "client_secret": "the client's own secret",
            "token_endpoint_auth_method": "client_secret_basic",
            **(client or {}),
        }
        if self.client["token_endpoint_auth_method"] == "none":
            del self.client["client_secret"]
        options = {
            "accounts": {name: {"password": PASSWORD, "claims": claims} for name, claims in self.accounts.items()},
            "client_authentication": self.client["token_endpoint_auth_method"],
            "id_token_claims": id_token_claims,
            "scopes": {"groups": ["groups"]},
            **({"host": tls["host"], "certificate": str(tls["certificate"]), "key": str(tls["key"])} if tls else {}),
        }
        directory = installed()
        env = {**world.env, "PATH": os.environ["PATH"], "NODE_ENV": "production"}
        self.child = world.start(["node", directory / "provider.mjs", json.dumps(options)], env, cwd=directory,
                                 stdin=subprocess.PIPE)
        port = self.child.ready_port()
        self.issuer = f"https://{tls['host']}:{port}" if tls else f"http://127.0.0.1:{port}"

    def serve(self, edge, name=None):
        """Answers, now that it is known where its client is. `name`: of this one among several of the edge."""
        site = f"https://{edge.auth_domain}/cdn-cgi/access"
        client = {**self.client, "redirect_uris": [f"{site}/callback" + (f"/{name}" if name else "")], "post_logout_redirect_uris": [f"{site}/signed-out"]}
        self.child.process.stdin.write(json.dumps([client]).encode() + b"\n")
        self.child.process.stdin.flush()
        return self

    def settings(self):
        """`identity_provider` of an edge whose people sign in here."""
        secret = self.client.get("client_secret")
        out = {"type": "oidc", "issuer": self.issuer, "client_id": CLIENT_ID,
               "scopes": ["openid", "email", "profile", "groups"]}
        if secret:
            path = self.world.path("client-secret")
            path.write_text(secret + "\n")
            path.chmod(0o600)
            out["client_secret_file"] = str(path)
        return out

    def sign_in(self, web, page, login=worlds.USER, password=PASSWORD):
        """Fills in the provider's form; what follows."""
        return web.follow(web.submit(page, login=login, password=password))
