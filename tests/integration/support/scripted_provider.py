"""An identity provider that answers whatever a test wants it to: what a hostile or broken one could say."""

import base64
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from support import tokens, world as worlds

CLIENT_ID = "cfpipe-test"


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class RsaKey:
    def __init__(self, world, kid):
        self.kid = kid
        self.path = world.path(f"provider-key-{len(list(world.directory.glob('provider-key-*')))}.pem")
        world.run(["openssl", "genrsa", "-out", self.path, "2048"]).ok()
        modulus = world.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"]).ok().stdout
        self.n = b64(bytes.fromhex(modulus.strip().removeprefix("Modulus=")))

    def jwk(self):
        return {"kty": "RSA", "n": self.n, "e": "AQAB", "kid": self.kid, "alg": "RS256", "use": "sig"}

    def public_pem(self):
        return subprocess.run(["openssl", "rsa", "-in", self.path, "-pubout"], capture_output=True, check=True).stdout

    def sign(self, claims, **header):
        signed = f"{tokens.encode_part({'alg': 'RS256', 'kid': self.kid, **header})}.{tokens.encode_part(claims)}"
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=signed.encode(),
                                   capture_output=True, check=True).stdout
        return f"{signed}.{b64(signature)}"


class ScriptedProvider:
    """Well-behaved until told otherwise. What it answers: `discovery`, `keys` (JWKs), `token` and `userinfo`, functions
    from the request's parameters to (status, headers, body); a body that is no string is JSON."""

    def __init__(self, world):
        self.key = RsaKey(world, "one")
        self.keys = [self.key.jwk()]
        self.asked = []  # (path, parameters, headers), in order
        self.interim = []  # statuses of interim answers before each final one
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.behave()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        world.closing(self)

    def behave(self):
        self.nonce = ""
        self.claims = {}
        self.discovery = lambda _: (200, {}, self.metadata())
        self.jwks = lambda _: (200, {}, {"keys": self.keys})
        self.token = lambda _: (200, {}, {"id_token": self.id_token(), "access_token": "at-1", "token_type": "Bearer"})
        self.userinfo = lambda _: (200, {}, {"sub": "ann"})

    def metadata(self, **changes):
        return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo", **changes}

    def good_claims(self, **changes):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "ann", "nonce": self.nonce, "iat": now, "exp": now + 600,
                  "email": worlds.EMAIL, "email_verified": True, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def id_token(self, key=None, header=None, **changes):
        return (key or self.key).sign(self.good_claims(**{**self.claims, **changes}), **(header or {}))

    def settings(self, **changes):
        return {"type": "oidc", "issuer": self.issuer, "client_id": CLIENT_ID, **changes}

    def requests(self, path):
        return [one for one in self.asked if one[0] == path]

    def _handler(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
                path = self.path.split("?")[0]
                provider.asked.append((path, form, dict(self.headers)))
                script = {"/.well-known/openid-configuration": provider.discovery, "/keys": provider.jwks,
                          "/token": provider.token, "/userinfo": provider.userinfo}.get(path)
                status, headers, body = script(form) if script else (404, {}, "")
                body = body if isinstance(body, str) else json.dumps(body)
                try:
                    for early in provider.interim:
                        self.wfile.write(f"HTTP/1.1 {early} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n".encode())
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body.encode())
                except OSError:
                    pass  # the edge has had enough

            do_GET = do_POST = _answer

            def log_message(self, *_):
                pass

        return Handler

    def close(self):
        self._server.shutdown()
        self._server.server_close()
