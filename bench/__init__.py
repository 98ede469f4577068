"""Measurements: hub-ext beside stock JupyterHub with DockerSpawner, and beside the bare host, in one run."""
