# shellcheck shell=bash
# What must be so before anything is begun. Each failure is one sentence.

check_root() {
    [ "$(id -u)" -eq 0 ] ||
        refuse "Only root can start an engine and close a network. Run it as root: sudo make $1."
}

# HOST_RELEASE is the host's Debian by its code name, HOST_NUMBER by its number.
check_debian() {
    local ID='' VERSION_ID='' VERSION_CODENAME='' PRETTY_NAME='this system'
    # shellcheck disable=SC1091
    [ -r /etc/os-release ] && . /etc/os-release
    if [ "$ID" != debian ] || [ "${VERSION_ID%%.*}" -lt 12 ] 2>/dev/null; then
        refuse "Debian 12 or newer is needed; this is $PRETTY_NAME."
    fi
    # Debian's next release has no number yet.
    HOST_RELEASE=$VERSION_CODENAME HOST_NUMBER=${VERSION_ID:-99}
    HOST_NUMBER=${HOST_NUMBER%%.*}
}

check_engine_address() {
    case ${DOCKER_HOST:-unix://} in
        unix://*) ;;
        *) refuse "DOCKER_HOST is $DOCKER_HOST: engines over tcp or ssh are not supported yet. Unset it to use this machine's engine, or name a local socket: unix:///PATH." ;;
    esac
}

# check_room FOLDER MEBIBYTES: of the nearest folder above it that exists.
check_room() {
    local folder needed=${HUB_EXT_MIN_DISK_MIB:-$2} free
    folder=$(nearest_folder "$1")
    free=$(df --output=avail -BM "$folder" | tail -n 1 | tr -dc 0-9)
    [ "$free" -ge "$needed" ] ||
        refuse "The disk of $folder has $free MiB free and $needed MiB are needed. Make room, or move the state with HUB_EXT_STATE=/elsewhere."
}

nearest_folder() {
    local folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    printf '%s' "$folder"
}

disk_of() {
    stat -c %d "$(nearest_folder "$1")"
}

# Room for the engine, its images and the environment; less once they are there.
check_rooms() {
    local state=6144 images=8192 data=/var/lib/docker
    if [ -d "$STATE/registry/data" ] || [ -d "$STATE/registry/docker" ]; then state=512 images=1024; fi
    [ "$ENGINE" != private ] || data=$SHARED/engine
    if [ "$(disk_of "$STATE")" = "$(disk_of "$data")" ]; then
        check_room "$STATE" $((state + images))
    else
        check_room "$STATE" "$state"
        check_room "$data" "$images"
    fi
}

# A port that answers is taken. hub-ext itself tries again to listen there, on its own address.
check_port() {
    local port=${HUB_EXT_PORT:-8000}
    case $port in
        '' | *[!0-9]*) refuse "HUB_EXT_PORT is '$port'; a number from 1 to 65535 is meant." ;;
    esac
    if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
        refuse "HUB_EXT_PORT is '$port'; a number from 1 to 65535 is meant."
    fi
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        refuse "Port $port is taken by another program. Choose another: HUB_EXT_PORT=$((port + 1)) make run."
    fi
}

# One process at a time prepares or runs a state. Descriptor 9 holds the lock; `hub-ext` inherits it.
take_lock() {
    mkdir -p "$STATE" 2>/dev/null || refuse "The folder $STATE cannot be made. Choose another with HUB_EXT_STATE."
    exec 9>>"$STATE/run.lock"
    flock -n 9 ||
        refuse "hub-ext runs already from $STATE$(holder). Stop it first (Ctrl-C where it runs), or use another state: HUB_EXT_STATE=/elsewhere."
    printf '%s\n' "$$" >"$STATE/run.pid"
    export HUB_EXT_LOCK_FD=9
}

# Whether another process prepares or runs this state, and its environment is there.
runs_already() {
    [ -x "$STATE/venv/bin/hub-ext" ] && [ -e "$STATE/run.lock" ] && ! flock -n "$STATE/run.lock" true
}

holder() {
    local pid
    pid=$(cat "$STATE/run.pid" 2>/dev/null) && printf ' (process %s)' "$pid"
}
