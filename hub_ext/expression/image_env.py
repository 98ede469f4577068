"""Variables of an image that every launch empties, and those that can be allowed for an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping

# An image's ENV cannot be taken out at creation, only overridden. These make a program, or a hook that the
# engine runs on the host with the container's environment (CVE-2025-23266), load code of the image's choice.
# Each is read as "not set" when it is empty. What an entry allows stays as its image has it.
DENIED_ENV = (
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LD_PROFILE",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
)

# Folders in which programs of the image look for their own libraries and modules: images of CUDA, conda and
# Spark need them. They name what is used inside the container, which is the image's anyway.
#
# The others can never be allowed. LD_PRELOAD, LD_AUDIT and GCONV_PATH load code into every program that meets
# them, also into one that the engine runs on the host with the container's environment (CVE-2025-23266).
# BASH_ENV, ENV, PROMPT_COMMAND and PERL5OPT do so in every shell and Perl, those of checks among them.
# LD_DEBUG, LD_PROFILE and PYTHONINSPECT are for finding errors, and change what a server writes or its end.
ALLOWABLE_ENV = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")

_BETWEEN = re.compile("[:;]")  # ld.so takes both
# On a host, too, nobody but root writes there. Elsewhere an absolute folder may be the image's own for a
# program that begins in its file system (/proc/self/cwd), or hold what people write (/tmp, volumes, data).
_SAFE_FOLDER = re.compile("/(?:usr|opt|lib|lib64)(?:/.*)?")


def emptied(env: Mapping[str, str]) -> tuple[str, ...]:
    """The image's variables that servers get empty where nobody allowed them, sorted."""
    return tuple(name for name in sorted(DENIED_ENV) if env.get(name))


def unsafe_to_allow(env: Mapping[str, str]) -> tuple[str, ...]:
    """Those of `ALLOWABLE_ENV` that name a folder other than those of the system, below /usr, /opt and /lib.

    A program that the engine runs on the host begins in the container's file system (CVE-2025-23266): by a
    folder that depends on where a program is, as an empty one and /proc/self/cwd do, it would load what the
    image put there.
    """
    return tuple(
        name
        for name in ALLOWABLE_ENV
        if env.get(name) and not all(map(_is_of_system, _BETWEEN.split(env[name])))
    )


def _is_of_system(folder: str) -> bool:
    return _SAFE_FOLDER.fullmatch(folder) is not None and ".." not in folder.split("/")
