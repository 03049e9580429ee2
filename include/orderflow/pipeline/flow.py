"""The offline stages in a row, for every batch that is in the landing zone, however it came there."""

from __future__ import annotations

from collections.abc import Mapping

from orderflow.domain.batch import Batch
from orderflow.domain.channel import Channel
from orderflow.domain.decision import Decisions
from orderflow.domain.staging import Staging
from orderflow.pipeline.clean import Known, clean
from orderflow.pipeline.load import load
from orderflow.pipeline.progress import Progress, silent
from orderflow.pipeline.validate import validate
from orderflow.quality.guards import History


def judged(
    channel: Channel,
    batch: Batch,
    *,
    skus: Mapping[str, str] | None = None,
    decisions: Decisions | None = None,
    known: Known | None = None,
    history: History | None = None,
    progress: Progress = silent,
) -> Batch:
    """Clean and validate: nothing outside of the batch's landing folder is written."""
    batch = clean(channel, batch, skus=skus, decisions=decisions, known=known, progress=progress)
    return validate(channel, batch, history=history, decisions=decisions, progress=progress)


def staged(
    channel: Channel,
    batch: Batch,
    staging: Staging,
    *,
    skus: Mapping[str, str] | None = None,
    decisions: Decisions | None = None,
    history: History | None = None,
    progress: Progress = silent,
) -> Batch:
    """Clean, validate and load; a batch that a guard holds is returned as it is, unloaded."""
    batch = judged(
        channel, batch, skus=skus, decisions=decisions, known=staging.known, history=history, progress=progress
    )
    return batch if batch.held else load(channel, batch, staging, progress=progress)
