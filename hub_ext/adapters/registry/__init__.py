"""The OCI distribution API: tags, manifests, configurations, digests; basic and token authentication; TLS."""

from hub_ext.adapters.registry.client import RegistryClient, checked_path, checked_tag
from hub_ext.adapters.registry.manifests import ImageConfig, Layer, Manifest, Platform, machine_platform
from hub_ext.adapters.registry.transport import Timeouts

__all__ = [
    "ImageConfig",
    "Layer",
    "Manifest",
    "Platform",
    "RegistryClient",
    "Timeouts",
    "checked_path",
    "checked_tag",
    "machine_platform",
]
