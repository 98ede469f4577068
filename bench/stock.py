"""Stock JupyterHub with stock DockerSpawner and the plain image, with its defaults wherever there is one."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.types import IPAMConfig, IPAMPool

from bench.house import STUBS, House
from bench.instance import PASSWORD, Instance
from bench.processes import children_of
from hub_ext.cli.setup import children
from hub_ext.cli.setup.children import Child
from hub_ext.cli.setup.steps import Say
from tests.support.ports import free_port

_READY_SECONDS = 60
_CONFIGURATION = """\
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///jupyterhub.sqlite"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {password!r}
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.DockerSpawner.allowed_images = {images!r}
c.DockerSpawner.image = {image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.network_name = {network!r}
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.remove = True
"""


@contextmanager
def running(house: House, say: Say) -> Iterator[Instance]:
    """The Hub and its proxy; stopped at the end, with what it started."""
    client: Any = docker.DockerClient(base_url=house.docker.url, version="auto")
    prefix = f"{house.chosen.instance}-stock"
    name = f"{prefix}-net"
    subnet = _other_subnet(house.chosen.subnet)
    network = client.networks.create(
        name, driver="bridge", ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    )
    engine_url, notes = house.wire("stock")
    folder = house.layout.state / "stock"
    folder.mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    script = house.node / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    (folder / "jupyterhub_config.py").write_text(
        _CONFIGURATION.format(
            url=url,
            gateway=subnet.rpartition(".")[0] + ".1",
            hub_port=free_port(),
            proxy=[str(house.node / "node"), str(script)],
            api_port=free_port(),
            password=PASSWORD,
            images={"python": house.plain} | _others(house),
            image=house.plain,
            prefix=prefix,
            network=name,
        )
    )
    say("Starting a stock Hub")
    hub = children.start(
        "The stock Hub",
        [str(Path(sys.executable).with_name("jupyterhub")), "-f", "jupyterhub_config.py"],
        house.layout.logs / "stock-hub.log",
        # docker-py reads the password for what it pulls there.
        environment={
            **os.environ,
            "DOCKER_HOST": engine_url,
            "DOCKER_CONFIG": str(house.scratch.docker_config),
        },
        folder=folder,
    )
    try:
        hub.wait_ready(lambda: _answers(url), _READY_SECONDS)
        yield Instance(
            "stock",
            url,
            lambda: _processes(hub),
            lambda image: {"image": image},
            lambda user: f"{prefix}-{user}",
            notes,
        )
    finally:
        hub.stop(_READY_SECONDS)
        for container in client.containers.list(all=True, filters={"name": f"^/?{prefix}-"}):
            container.remove(force=True)
        network.remove()
        client.close()


def _others(house: House) -> dict[str, str]:
    """Stubs by their digests, and by its tag what is pulled: DockerSpawner pulls nothing by digest."""
    stubs = {behaviour: house.stub(behaviour) for behaviour in STUBS}
    return stubs | {
        f"slow-{number}": house.scratch.slow_tag(number) for number in range(len(house.scratch.images))
    }


def _other_subnet(ours: str) -> str:
    """A /22 of the private range that hub-ext leaves alone."""
    second, third = ours.split(".")[1:3]
    return f"10.{(int(second) + 8) % 256}.{int(third) // 4 * 4}.0/22"


def _processes(hub: Child) -> dict[str, int]:
    found = {"hub": hub.process.pid}
    for pid, words in children_of(hub.process.pid):
        if any("configurable-http-proxy" in word for word in words):
            found["proxy"] = pid
    return found


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/hub/api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
