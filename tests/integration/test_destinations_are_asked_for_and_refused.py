"""--destination asks the edge for another origin; an edge that does not allow it is understood."""

import pytest

from support.clients import REFUSED, assert_fails

DESTINATION = "db.internal:5432"


@pytest.mark.parametrize("by_environment", [False, True])
def test_the_destination_is_sent(misbehaving, by_environment):
    user = misbehaving()
    more = () if by_environment else ("--destination", DESTINATION)
    env = {"TUNNEL_SERVICE_DESTINATION": DESTINATION} if by_environment else {}
    user.banner("--hostname", user.edge.host(), *more, **env)
    upgrade, = [event for event in user.edge.requests() if event["event"] == "request" and event["upgrade"]]
    assert upgrade["destination"] == DESTINATION


def test_an_application_with_one_origin_refuses_it(edge, user):
    if edge.kind == "mock":
        pytest.skip("the mock takes every destination for its one origin")
    assert_fails(user.tunnel("--destination", DESTINATION), REFUSED, "upgrade",
                 r"refused access, or this destination: .* \(status 403, .*; leave --destination out")


def test_a_refusal_by_an_edge_that_is_not_ours_is_the_same(misbehaving):
    user = misbehaving("upgrade-status=403")
    assert_fails(user.tunnel("--destination", DESTINATION), REFUSED, "upgrade", "or this destination")
    assert_fails(user.tunnel(), REFUSED, "upgrade", "the edge refused access: ")
