"""The create arguments of a plan, whole; and that no difference of a container goes unseen."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from hub_ext.expression.docker import create_arguments, differences
from hub_ext.expression.image_env import ALLOWABLE_ENV, DENIED_ENV

from ..policy.worlds import DIGEST
from .plans import CONTAINER, GIB, PLAN, said_of

BODY = create_arguments(PLAN, CONTAINER)


def test_the_whole_body():
    assert {
        "Image": f"reg.example:5000/nb/python@{DIGEST}",
        "Entrypoint": [],
        "Cmd": ["/opt/hub-ext/start", "jupyterhub-singleuser"],
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "StopTimeout": 7,
        "User": "20001:60001",
        "WorkingDir": "/home/jovyan",
        "Hostname": "notebook",
        "Domainname": "",
        "Env": [
            "BASH_ENV=",
            "CPU_LIMIT=1.5",
            "ENV=",
            "GCONV_PATH=",
            "HOME=/home/jovyan",
            "HUB_EXT_DATASETS=mri,labs",
            "HUB_EXT_LAUNCH=lau-1",
            "HUB_EXT_PROJECT=onco",
            "HUB_EXT_SESSION=/run/hub-ext/session.json",
            "JUPYTERHUB_API_TOKEN=s3cret",
            "LD_AUDIT=",
            "LD_DEBUG=",
            "LD_LIBRARY_PATH=/opt/site",
            "LD_PRELOAD=",
            "LD_PROFILE=",
            "LOGNAME=jovyan",
            f"MEM_LIMIT={4 * GIB}",
            "NVIDIA_VISIBLE_DEVICES=void",
            "PERL5OPT=",
            "PROMPT_COMMAND=",
            "PYTHONHOME=",
            "PYTHONINSPECT=",
            "PYTHONPATH=",
            "PYTHONSTARTUP=",
            "TMPDIR=/tmp",
            "USER=jovyan",
        ],
        "Labels": {"io.hub-ext.instance": "hxt", "io.hub-ext.launch": "lau-1"},
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": {
            "Runtime": "runc",
            "Init": True,
            "AutoRemove": False,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "Privileged": False,
            "CapAdd": [],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "GroupAdd": ["700", "60001"],
            "ReadonlyRootfs": True,
            "Tmpfs": {
                "/tmp": f"rw,exec,nosuid,nodev,mode=1777,uid=20001,gid=60001,size={2 * GIB}",
                "/run": "rw,noexec,nosuid,nodev,mode=0755,uid=20001,gid=60001,size=16777216",
            },
            "Binds": [],
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "hxt-vol-1",
                    "Target": "/home/jovyan",
                    "ReadOnly": False,
                    "VolumeOptions": {"NoCopy": True},
                },
                {
                    "Type": "volume",
                    "Source": "hxt-vol-2",
                    "Target": "/project",
                    "ReadOnly": False,
                    "VolumeOptions": {"NoCopy": True},
                },
                {
                    "Type": "bind",
                    "Source": "/srv/mri/1",
                    "Target": "/data/mri",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
                },
                {
                    "Type": "bind",
                    "Source": "/srv/labs/3",
                    "Target": "/data/labs",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
                },
                {
                    "Type": "bind",
                    "Source": "/srv/state/sessions/lau-1",
                    "Target": "/run/hub-ext",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
                },
            ],
            "Devices": [],
            "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=1"]}],
            "DeviceCgroupRules": [],
            "NanoCpus": 1_500_000_000,
            "Memory": 4 * GIB,
            "MemorySwap": 4 * GIB,
            "PidsLimit": 512,
            "ShmSize": GIB,
            "Ulimits": [
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "nofile", "Soft": 16384, "Hard": 16384},
            ],
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "PidMode": "",
            "UTSMode": "",
            "UsernsMode": "",
            "NetworkMode": "hxt-net",
            "PortBindings": {},
            "PublishAllPorts": False,
            "Links": [],
            "ExtraHosts": [],
            "VolumesFrom": [],
            "Dns": ["127.0.0.1"],
            "DnsOptions": [],
            "DnsSearch": ["."],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "5242880", "max-file": "2"}},
        },
        "NetworkingConfig": {"EndpointsConfig": {"hxt-net": {}}},
    } == BODY


def test_without_lease_and_data_there_is_no_device_and_no_bind():
    body = create_arguments(replace(PLAN, gpus=(), shares=(), data=()), CONTAINER)
    assert body["HostConfig"]["DeviceRequests"] == []
    assert [mount["Type"] for mount in body["HostConfig"]["Mounts"]] == ["volume", "volume", "bind"]
    assert "HUB_EXT_DATASETS=" in body["Env"]


def test_a_container_of_no_session_has_no_facts_of_one():
    body = create_arguments(PLAN, replace(CONTAINER, session_folder=""))
    assert "/run/hub-ext" not in {mount["Target"] for mount in body["HostConfig"]["Mounts"]}
    assert not [pair for pair in body["Env"] if pair.startswith("HUB_EXT_SESSION")]


def test_what_an_image_may_not_set_is_empty_where_the_site_does_not_set_it():
    body = create_arguments(PLAN, replace(CONTAINER, env={}))
    assert {f"{name}=" for name in DENIED_ENV} <= set(body["Env"])


def test_what_the_entry_allows_is_not_overridden_and_nothing_else_changes():
    allowed = ("LD_LIBRARY_PATH", "PYTHONPATH", "HOME", "NVIDIA_VISIBLE_DEVICES")
    container = replace(CONTAINER, env={})
    body = create_arguments(replace(PLAN, allowed_env=allowed), container)
    whole = create_arguments(PLAN, container)
    env = [line for line in whole["Env"] if line not in ("LD_LIBRARY_PATH=", "PYTHONPATH=")]
    assert body == {**whole, "Env": env}
    assert "HOME=/home/jovyan" in env
    assert "NVIDIA_VISIBLE_DEVICES=void" in env


def test_what_can_never_be_allowed_is_empty_whatever_the_plan_says():
    container = replace(CONTAINER, env={})
    body = create_arguments(replace(PLAN, allowed_env=DENIED_ENV), container)
    empty = {line.partition("=")[0] for line in body["Env"] if line.endswith("=")}
    assert set(DENIED_ENV) - set(ALLOWABLE_ENV) <= empty
    assert not empty & set(ALLOWABLE_ENV)


def test_an_image_s_volumes_are_empty_folders_in_memory():
    plan = replace(PLAN, image_volumes=("/home/jovyan", "/project", "/tmp", "/var/lib/state"))
    body, whole = create_arguments(plan, CONTAINER), create_arguments(PLAN, CONTAINER)
    tmpfs = f"rw,exec,nosuid,nodev,mode=1777,uid=20001,gid=60001,size={2 * GIB}"
    whole["HostConfig"]["Tmpfs"]["/var/lib/state"] = tmpfs
    assert body == whole


@pytest.mark.parametrize(
    ("plan", "container"),
    [
        (replace(PLAN, uid=0), CONTAINER),
        (replace(PLAN, gid=0), CONTAINER),
        (replace(PLAN, uid=-1), CONTAINER),
        (replace(PLAN, groups=(-5,)), CONTAINER),
        (replace(PLAN, groups=(0, 60001)), CONTAINER),
        (PLAN, replace(CONTAINER, command=())),
        (PLAN, replace(CONTAINER, image="reg.example:5000/nb/python:latest")),
        (PLAN, replace(CONTAINER, image=f"reg.example/nb/python@sha256:{'0' * 64}")),
    ],
)
def test_what_may_never_run_is_not_expressed(plan, container):
    with pytest.raises(ValueError, match="lau-1"):
        create_arguments(plan, container)


# --- differences ---------------------------------------------------------------------------------------


def test_a_container_as_asked_has_no_difference():
    assert differences(BODY, said_of(BODY)) == ()


@pytest.mark.parametrize("key", sorted(BODY["HostConfig"]))
def test_a_key_of_the_host_configuration_that_is_dropped_or_changed_is_seen(key):
    said = said_of(BODY)
    wanted = BODY["HostConfig"][key]
    said["HostConfig"][key] = _other(wanted)
    assert any(f"HostConfig.{key} " in line for line in differences(BODY, said))
    if wanted not in (None, "", [], {}, False, 0):
        del said["HostConfig"][key]
        assert any(f"HostConfig.{key} " in line for line in differences(BODY, said))


@pytest.mark.parametrize("key", sorted(set(BODY) - {"HostConfig", "NetworkingConfig"}))
def test_a_key_of_the_configuration_that_is_dropped_or_changed_is_seen(key):
    said = said_of(BODY)
    said["Config"][key] = _other(BODY[key])
    assert any(f"Config.{key}" in line for line in differences(BODY, said))
    if BODY[key]:
        del said["Config"][key]
        assert any(f"Config.{key}" in line for line in differences(BODY, said))


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return [*value, {"More": 1}] if not value or isinstance(value[0], dict) else ["OTHER=1"]
    return {"Other": "1"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("OomScoreAdj", -900),
        ("CgroupParent", "/other"),
        ("Sysctls", {"net.ipv4.ip_forward": "1"}),
        ("VolumeDriver", "other"),
        ("OomKillDisable", True),
        ("BlkioWeight", 5),
        ("MaskedPaths", None),
        ("MaskedPaths", ["/proc/asound"]),
        ("ReadonlyPaths", []),
        ("SomethingOfALaterEngine", True),
    ],
)
def test_what_was_not_asked_for_is_seen(key, value):
    said = said_of(BODY)
    said["HostConfig"][key] = value
    assert any(f"HostConfig.{key} " in line for line in differences(BODY, said))


@pytest.mark.parametrize("option", ["ReadOnlyForceRecursive", "Propagation"])
def test_an_engine_that_does_not_know_an_option_of_a_mount_is_seen(option):
    said = said_of(BODY)
    said["HostConfig"]["Mounts"] = copy.deepcopy(said["HostConfig"]["Mounts"])
    del said["HostConfig"]["Mounts"][2]["BindOptions"][option]
    assert [line.split()[0] for line in differences(BODY, said)] == ["HostConfig.Mounts"]


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        (2, {"RW": True}),
        (2, {"Propagation": "rshared"}),
        (2, {"Source": "/srv/other"}),
        (2, {"Destination": "/data/other"}),
        (0, {"Name": "hxt-vol-9"}),
        (0, {"RW": False}),
        (1, {"Type": "bind", "Source": "/etc"}),
    ],
)
def test_a_mount_made_otherwise_is_seen(place, changed):
    said = said_of(BODY)
    said["Mounts"][place] |= changed
    lines = differences(BODY, said)
    assert [line.split()[1] for line in lines] == ["lack", "have"]


def test_a_mount_that_is_missing_or_too_many_is_seen():
    said = said_of(BODY)
    volume = {"Type": "volume", "Name": "4f0c", "Source": "/x", "Destination": "/evil", "RW": True}
    said["Mounts"].append(volume)
    assert differences(BODY, said) == ("Mounts have volume 4f0c /evil writable, which was not asked for",)
    said["Mounts"] = said["Mounts"][1:5]
    assert differences(BODY, said) == ("Mounts lack volume hxt-vol-1 /home/jovyan writable",)


def test_another_network_is_seen():
    said = said_of(BODY)
    said["NetworkSettings"]["Networks"]["bridge"] = {}
    assert differences(BODY, said) == ("Networks are ['bridge', 'hxt-net'], wanted ['hxt-net']",)


def test_a_chosen_address_is_asked_for_and_another_is_seen():
    body = create_arguments(PLAN, replace(CONTAINER, address="10.213.0.16"))
    asked = {"hxt-net": {"IPAMConfig": {"IPv4Address": "10.213.0.16"}}}
    assert body == BODY | {"NetworkingConfig": {"EndpointsConfig": asked}}
    said = said_of(body)
    said["NetworkSettings"]["Networks"]["hxt-net"] = asked["hxt-net"]
    assert differences(body, said) == ()
    for other in ({}, {"IPAMConfig": None}, {"IPAMConfig": {"IPv4Address": "10.213.0.17"}}):
        said["NetworkSettings"]["Networks"]["hxt-net"] = other
        assert [line.split(" ")[0] for line in differences(body, said)] == ["Networks['hxt-net'].IPAMConfig"]


def test_an_unconfined_profile_is_seen():
    assert differences(BODY, {**said_of(BODY), "AppArmorProfile": "unconfined"})
    assert not differences(BODY, {**said_of(BODY), "AppArmorProfile": ""})


@pytest.mark.parametrize(
    "changed",
    [
        lambda env: [line for line in env if not line.startswith("NVIDIA")],
        lambda env: [*env, "NVIDIA_VISIBLE_DEVICES=all"],
        lambda env: ["JUPYTERHUB_API_TOKEN=0ther" if "TOKEN" in line else line for line in env],
    ],
)
def test_an_environment_variable_is_seen_and_no_value_is_told(changed):
    said = said_of(BODY)
    said["Config"]["Env"] = changed(said["Config"]["Env"])
    (line,) = differences(BODY, said)
    assert "s3cret" not in line
    assert "0ther" not in line


@pytest.mark.parametrize(
    ("value", "count"),
    [("/opt/lib:/opt/lib64", 0), ("/opt/lib:", 1), ("lib", 1), ("/proc/self/cwd/lib", 1)],
)
def test_an_allowed_variable_keeps_folders_of_the_system_alone(value: str, count: int):
    said = said_of(BODY)
    wanted = {**BODY, "Env": [line for line in BODY["Env"] if not line.startswith("LD_LIBRARY_PATH=")]}
    said["Config"]["Env"] = [*wanted["Env"], f"LD_LIBRARY_PATH={value}"]
    lines = differences(wanted, said)
    assert lines == ("Config.Env has a LD_LIBRARY_PATH that is not safe to allow",) * count


def test_what_an_image_adds_harmlessly_is_no_difference():
    said = said_of(BODY)
    said["Config"]["Env"] = [*said["Config"]["Env"], "PATH=/usr/bin", "LANG=C.UTF-8"]
    said["Config"]["Labels"] = {**said["Config"]["Labels"], "org.opencontainers.image.title": "x"}
    said["Config"]["ExposedPorts"] = {"99/tcp": {}}
    assert differences(BODY, said) == ()


def test_the_intervals_of_an_image_s_health_check_are_no_difference():
    said = said_of(BODY)
    said["Config"]["Healthcheck"] = {"Test": ["NONE"], "Interval": 3, "StartInterval": 1, "Retries": 3}
    assert differences(BODY, said) == ()
    said["Config"]["Healthcheck"]["Test"] = ["CMD-SHELL", "true"]
    assert differences(BODY, said) == (
        "Config.Healthcheck is {'Test': ['CMD-SHELL', 'true']}, wanted {'Test': ['NONE']}",
    )


def test_an_empty_answer_is_all_difference():
    assert len(differences(BODY, {})) > 20
