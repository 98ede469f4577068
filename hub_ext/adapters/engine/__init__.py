"""The Docker Engine of a node: containers, images, volumes, the closed network and its firewall."""

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, EngineAnswered
from hub_ext.adapters.engine.containers import RUNNING, ContainerSummary, address
from hub_ext.adapters.engine.engine import Engine
from hub_ext.adapters.engine.events import BACK_DOORS, ENDINGS, ContainerEvent
from hub_ext.adapters.engine.firewall import check_firewall, ensure_firewall, has_bridge, remove_firewall
from hub_ext.adapters.engine.images import PullProgress
from hub_ext.adapters.engine.network import gateway, subnet
from hub_ext.adapters.engine.probes import LABEL_PROBE, PROBE, ProbeResult
from hub_ext.adapters.engine.volumes import LABEL_SEED

__all__ = [
    "Engine",
    "EngineAnswered",
    "BACK_DOORS",
    "ENDINGS",
    "ContainerEvent",
    "ContainerSummary",
    "PullProgress",
    "ProbeResult",
    "LABEL_INSTANCE",
    "LABEL_PROBE",
    "LABEL_SEED",
    "PROBE",
    "RUNNING",
    "address",
    "gateway",
    "subnet",
    "ensure_firewall",
    "check_firewall",
    "remove_firewall",
    "has_bridge",
]
