"""The REST API: a module per noun, each a table of operations."""

from __future__ import annotations

from hub_ext.services.console.api import (
    accounting,
    audit,
    blocks,
    catalogue,
    datasets,
    gpus,
    grants,
    image_checks,
    image_contents,
    images,
    me,
    people,
    projects,
    quarantines,
    queue,
    registries,
    requests,
    sessions,
    waiting,
)
from hub_ext.services.console.operations import Operation

OPERATIONS: tuple[Operation, ...] = (
    *me.OPERATIONS,
    *waiting.OPERATIONS,
    *images.OPERATIONS,
    *image_checks.OPERATIONS,
    *catalogue.OPERATIONS,
    *image_contents.OPERATIONS,
    *registries.OPERATIONS,
    *datasets.OPERATIONS,
    *quarantines.OPERATIONS,
    *grants.OPERATIONS,
    *people.OPERATIONS,
    *projects.OPERATIONS,
    *requests.OPERATIONS,
    *sessions.OPERATIONS,
    *accounting.OPERATIONS,
    *gpus.OPERATIONS,
    *queue.OPERATIONS,
    *blocks.OPERATIONS,
    *audit.OPERATIONS,
)
