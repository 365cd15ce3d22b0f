"""Tokens looked at, and forged, from outside."""

import base64
import json


def decode_part(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encode_part(value):
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def header(token):
    return decode_part(token.split(".")[0])


def claims(token):
    return decode_part(token.split(".")[1])


def with_claims(token, **changes):
    """The same token with other claims, hence with a signature that is wrong."""
    head, body, signature = token.split(".")
    return ".".join((head, encode_part({**decode_part(body), **changes}), signature))


def with_other_signature(token):
    head, body, signature = token.split(".")
    return ".".join((head, body, signature[::-1]))


def unsigned(token):
    """The same claims under `alg` none."""
    return ".".join((encode_part({**header(token), "alg": "none"}), token.split(".")[1], ""))
