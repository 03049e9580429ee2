"""The form of a channel file: what may stand where, before an adapter's own options are known."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orderflow.domain.channel import Block, Cleaning, Delivery, Fulfilment, Schedule, Validation

NAME = "^[a-z0-9_]+$"
"""Names of channels and connections: they are file names, DAG ids and environment variables at once."""

LINE = r"^[^\x00-\x1f\x7f]+$"
OWNER = r"^[^\s,<>\x00-\x1f\x7f][^,<>\x00-\x1f\x7f]*(<([^\s<>@]+@[^\s<>@]+|https?://[^\s<>]+)>)?$"


class SourceBlock(BaseModel):
    """Which adapter, over which connection; every further key is an option of that adapter."""

    model_config = ConfigDict(extra="allow", frozen=True)

    adapter: str
    """Name of the platform, or of the file format."""
    connection: Annotated[str, Field(pattern=NAME)]
    """Name of the Airflow connection that holds address and secret; no secret ever stands in this file."""


class Form(Block):
    """One channel file."""

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
    """What people call this shop."""
    owner: Annotated[str, Field(pattern=OWNER)]
    """Who answers for it: a team, with an address or a page if there is one: `asia <asia@shop.example>`."""
    source: SourceBlock
    """Where the orders come from."""
    schedule: Schedule
    """Which windows are pulled, and when."""
    clean: Cleaning = Cleaning()
    """What cleaning has to know that the channel does not say."""
    validate_: Validation = Field(default=Validation(), alias="validate")
    """When orders, or a whole batch, may not go on."""
    oms: Delivery
    """Where accepted orders go."""
    fulfilment: Fulfilment | None = None
    """What the channel is told of its orders once the OMS has decided and shipped."""
    alerts: list[str] = Field(default=[])
    """Who is told when a run fails or is late: tags of the Airflow connection `orderflow_alerts`."""
    shadow: bool = False
    """Runs everything but the delivery to the OMS."""
