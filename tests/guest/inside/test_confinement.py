"""The profile that the engine adds to a container, and what the comparison after create makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.host import kernel_has_apparmor
from hub_ext.expression.docker import differences
from hub_ext.flows.doctor import Health, isolation
from hub_ext.flows.doctor.engine import _apparmor
from tests.attacks.cell import Body, weakened
from tests.guest.inside.conftest import Containers
from tests.support import python_image
from tests.support.own_engine import OwnEngine

# As the doctor looks, from inside.
_FUNCTIONS = Path(isolation.__file__).read_text().partition('if __name__ == "__main__":')[0]
TELL = f"{_FUNCTIONS}\nprint('profile', confinement(), flush=True)"


def test_this_is_a_host_as_customers_have_it() -> None:
    """What the other tests here rest on."""
    assert Path("/run/systemd/system").is_dir()
    assert Path("/sys/module/apparmor/parameters/enabled").read_text().strip() == "Y"
    assert Path("/sys/fs/cgroup/cgroup.controllers").is_file()
    assert len(Path("/proc/swaps").read_text().splitlines()) > 1


async def test_the_engine_uses_what_the_host_has(engine: Engine) -> None:
    info = await engine.info()
    assert (info["CgroupVersion"], info["CgroupDriver"]) == ("2", "systemd")
    assert "name=apparmor" in info["SecurityOptions"]


def test_without_the_parser_an_engine_gives_no_profile_and_doctor_says_so() -> None:
    parser = Path("/usr/sbin/apparmor_parser")
    away = parser.rename(parser.with_name("away"))
    engine = OwnEngine("10.211.9.1/28")
    try:
        engine.start()
        python_image.make("bare:1", engine.url)
        command = ["docker", "--host", engine.url, "run", "--rm", "--network=none", "bare:1"]
        told = subprocess.run(
            [*command, python_image.PYTHON, "-c", TELL], capture_output=True, text=True, check=True
        )
        python_image.remove("bare:1", engine.url)
    finally:
        engine.remove()
        away.rename(parser)
    profile = told.stdout.partition("profile ")[2].strip()
    assert _apparmor(profile, kernel_has_apparmor()).health is Health.WARN, told.stdout


async def test_the_engine_makes_what_is_asked_and_adds_its_profile(
    containers: Containers, body: Body
) -> None:
    name = await containers.create(body, TELL)
    created = {**body, "Cmd": (await containers.record(name))["Config"]["Cmd"]}
    assert differences(created, await containers.record(name)) == ()
    await containers.engine.start(name)
    ended = await containers.end(name)
    profile = (await containers.engine.logs_tail(name)).partition("profile ")[2].strip()
    assert profile == "docker-default (enforce)"
    assert _apparmor(profile, kernel_has_apparmor()).health is Health.OK
    assert ended["AppArmorProfile"] == "docker-default"
    # Nor does it look different later on.
    assert differences(created, ended) == ()


async def test_a_container_without_the_profile_is_seen(containers: Containers, body: Body) -> None:
    def unconfined(weak: Body) -> None:
        weak["HostConfig"]["SecurityOpt"].append("apparmor=unconfined")

    name = await containers.create(weakened(body, unconfined), TELL)
    asked = {**body, "Cmd": (await containers.record(name))["Config"]["Cmd"]}
    assert any("SecurityOpt" in line for line in differences(asked, await containers.record(name)))
    await containers.engine.start(name)
    ended = await containers.end(name)
    assert "profile unconfined" in await containers.engine.logs_tail(name)
    assert "AppArmorProfile is 'unconfined'" in differences(asked, ended)
