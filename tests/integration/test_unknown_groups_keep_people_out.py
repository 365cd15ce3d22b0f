"""A provider that does not say which groups a person is in: rules by group that keep people out apply, those that let people in
do not, and the person, the audit and the log are told why."""

import pytest

from support import tokens, world as worlds
from support.configured_edge import ConfiguredEdge
from support.scripted_provider import ScriptedProvider
from support.visitor import Web

EXCLUDE = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}],
            "exclude": [{"group": "contractors"}]}]
DENY = [{"name": "out", "decision": "deny", "include": [{"group": "contractors"}]},
        {"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
INCLUDE = [{"name": "staff", "decision": "allow", "include": [{"group": "staff"}]}]
UNKNOWN = {
    "missing": ({}, "it sent no list of them"),
    "hasgroups": ({"hasgroups": True}, "too many groups"),
    "elsewhere": ({"_claim_names": {"groups": "src1"}}, "too many groups"),
    "joined": ({"groups": "contractors,dev"}, "joined in one string"),
    "joined by blanks": ({"groups": "contractors dev"}, "joined in one string"),
    "objects": ({"groups": [{"name": "contractors"}]}, "in a form that is not read"),
    "mapping": ({"groups": {"contractors": True}}, "in a form that is not read"),
}


class Site:
    def __init__(self, world, policies, **settings):
        self.provider = ScriptedProvider(world)
        self.edge = ConfiguredEdge(world, "127.0.0.1:1", policies, provider=self.provider.settings(**settings))

    def sign_in(self, claims, web=None):
        self.provider.behave()
        self.provider.claims = claims
        web = web or Web(self.edge.ca_file)
        asked = web.follow(self.edge.url(), stop=lambda url: url.startswith(self.provider.issuer)).query
        self.provider.nonce = asked["nonce"]
        answer = web.get(f"{asked['redirect_uri']}?code=c&state={asked['state']}")
        return answer if answer.status == 403 else web.follow(answer)


@pytest.mark.parametrize("policies", [EXCLUDE, DENY, INCLUDE], ids=["exclude", "deny", "include"])
def test_missing_claims_admit_no_user(world, policies):
    site = Site(world, policies)
    for name, (claims, why) in UNKNOWN.items():
        answer = site.sign_in(claims)
        assert answer.status == 403 and "did not say which groups" in answer.page and why in answer.page, (name, answer)
        row = [row for row in site.edge.audit() if row["kind"] == "denial"][-1]
        assert row["identity"] == worlds.EMAIL and why in row["reason"], (name, row)
        assert f"{worlds.EMAIL} signs in with unknown groups" in site.edge.child.stderr.text, name
    assert site.sign_in({"groups": ["contractors"]}).status == 403
    assert site.sign_in({"groups": ["staff"]}).status == 200


def test_what_is_unknown_stays_unknown_in_the_session(world):
    """A person whom one application lets in is judged by another with what the sign-in knew."""
    site = Site(world, [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]},
                        {"name": "named", "decision": "allow", "include": [{"group": "contractors"}]}])
    web = Web(site.edge.ca_file)
    assert site.sign_in({"hasgroups": True}, web).status == 200
    session = web.cookies["auth.localhost"]["__Host-CF_Authorization"]
    assert tokens.claims(session)["groups_unknown"] == "too_many"
    site.edge.change(lambda config: config["applications"][0].update(policies=EXCLUDE))
    site.edge.reload()
    answer = web.follow(web.get(site.edge.url()))
    assert answer.status == 403 and "too many groups" in answer.page, answer


def test_a_userinfo_endpoint_that_fails_leaves_groups_unknown(world):
    site = Site(world, EXCLUDE)
    web = Web(site.edge.ca_file)
    site.provider.userinfo = lambda _: (500, {}, "")
    site.provider.behave = lambda: None
    answer = site.sign_in({}, web)
    assert answer.status == 403 and "userinfo endpoint did not answer" in answer.page, answer


def test_a_missing_claim_may_mean_no_group(world):
    site = Site(world, EXCLUDE, groups_claim_optional=True)
    assert site.sign_in({}).status == 200
    assert site.sign_in({"hasgroups": True}).status == 403
