#!/bin/bash
# As of a stack: it prepares what it may, which is little for another user than its own.
set -e
unset_explicit_env_vars() { unset JUPYTER_ENV_VARS_TO_UNSET; }
if [[ "$(id -u)" == "0" ]]; then
    echo "Entered start.sh as root" >&2
elif [[ "$(id -u)" != "${NB_UID}" ]]; then
    echo "WARNING: Container must be started as root to change the desired user's ID or GID" >&2
fi
unset_explicit_env_vars
exec "$@"
