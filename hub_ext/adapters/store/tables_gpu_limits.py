"""The table of limits that were set for one person or one project."""

from __future__ import annotations

from sqlalchemy import Table

from hub_ext.adapters.store.columns import GPU_LIMITS, OneOf
from hub_ext.adapters.store.table_parts import has, key, metadata, text, when
from hub_ext.model.gpu_limits import LimitKind

gpu_limits = Table(
    "gpu_limits",
    metadata,
    key("kind", kind=OneOf(LimitKind)),
    key("whose"),
    has("limits", GPU_LIMITS),
    when("set_at"),
    text("set_by"),
)
