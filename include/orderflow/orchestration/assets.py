"""What a channel's run makes, for DAGs that wait for it: `orders/<channel>/staged` and `orders/<channel>/delivered`."""

from __future__ import annotations

from airflow.sdk import Asset


def staged(channel: str) -> Asset:
    """The channel's orders in staging are newer than before."""
    return Asset(name=f"orders/{channel}/staged", uri=f"x-orderflow://orders/{channel}/staged")


def delivered(channel: str) -> Asset:
    """The OMS has the channel's orders."""
    return Asset(name=f"orders/{channel}/delivered", uri=f"x-orderflow://orders/{channel}/delivered")
