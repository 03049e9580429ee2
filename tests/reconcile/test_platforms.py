"""Every platform's own list agrees with what its mapping makes of the same orders, broken ones included."""

from datetime import timedelta

import pytest
from worlds import NOW, servers

from orderflow.domain.window import Window
from orderflow.sandbox.accounts import WAYS


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    settings = {"rate": 2.0, "defects": 0.08, "edits": 0.3, "refunds": 0.3}
    with servers(tmp_path_factory.mktemp("oms"), list(WAYS), **settings) as running:
        yield running


@pytest.mark.parametrize("platform", WAYS)
def test_a_day_of_any_platform_is_wholly_explained(platform, sandbox, store, migrated, tmp_path):
    shop = sandbox.world(store, migrated, tmp_path)
    assert shop.channel.adapter_name == platform
    shop.run(Window(NOW - timedelta(days=4), NOW - timedelta(minutes=10)))
    certificate, found = shop.reconcile()
    wrong = [row for row in found if row.cause not in {"quarantined", "refused_by_oms"}]
    assert wrong == []
    assert certificate.agreed > 10
    assert (certificate.state, certificate.unexplained) == ("settled", 0)
    assert certificate.sides["channel"].orders >= certificate.sides["staging"].orders
