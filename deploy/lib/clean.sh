# shellcheck shell=bash
# The way back from an instance.

clean_state() {
    local answer packages
    if [ ! -d "$STATE" ]; then
        say "There is nothing at $STATE."
        return
    fi
    ! runs_already || refuse "hub-ext runs from $STATE$(holder). Stop it first (Ctrl-C where it runs)."
    printf 'This removes %s and, from the engine, the containers, networks and volumes of its instances: all homes and project folders, and the record.\n' "$STATE" >&2
    [ ! -d "$STATE/engine" ] || printf "The engine in it is hub-ext's own: whatever else it holds goes with it.\n" >&2
    if [ "${HUB_EXT_YES:-}" != 1 ]; then
        printf 'Type yes to go on (HUB_EXT_YES=1 answers by itself).\n' >&2
        read -r answer || answer=no
        [ "$answer" = yes ] || refuse "Nothing was removed."
    fi
    packages=$(packages_left)
    # Locks say what may run; an engine's folder, that it may.
    if [ -d "$STATE/engine" ] || compgen -G "$STATE/run.lock" >/dev/null || compgen -G "$STATE/*/run.lock" >/dev/null; then
        [ -x "$STATE/venv/bin/hub-ext" ] || ensure_venv "$LOCK"
        "$STATE/venv/bin/hub-ext" setup --remove-with-homes
    else
        rm -rf "$STATE"
        say "Removed $STATE"
    fi
    name_caches
    case " $packages " in *' docker.io '*) name_engine_folders ;; esac
    [ -z "$packages" ] || printf 'Left on this host are the Debian packages that were installed for hub-ext. Where nothing else needs them:\n    apt-get remove --autoremove %s\n' "$packages" >&2
}

# Those that this state and the states below it had installed, and that are still there; on one line.
packages_left() {
    local name
    { cat "$STATE/installed-packages" "$STATE"/*/installed-packages 2>/dev/null || true; } | sort -u | while read -r name; do
        if is_installed "$name"; then printf '%s ' "$name"; fi
    done | sed 's/ $//'
}

# What pip, uv and npm fetched is kept for their next use, by hub-ext or by anybody else.
name_caches() {
    local cache=${XDG_CACHE_HOME:-$HOME/.cache} folder sizes=()
    for folder in "$cache/pip" "$cache/uv" "$HOME/.npm"; do
        [ ! -d "$folder" ] || sizes+=("$folder ($(mebibytes "$folder") MiB)")
    done
    [ ${#sizes[@]} -eq 0 ] || printf 'Left are the download caches of pip, uv and npm: %s\n' "${sizes[*]}" >&2
}

# What the release's engine keeps goes with its package, or with whoever uses it meanwhile.
name_engine_folders() {
    local folder sizes=()
    for folder in /var/lib/docker /opt/containerd; do
        [ ! -d "$folder" ] || sizes+=("$folder ($(mebibytes "$folder") MiB)")
    done
    [ ${#sizes[@]} -eq 0 ] || printf 'Left is what the installed Docker engine keeps: %s\n' "${sizes[*]}" >&2
}

# Of a folder; what is removed while it is measured does not count.
mebibytes() {
    { du -sxBM "$1" 2>/dev/null || true; } | cut -f 1 | tr -dc 0-9
}
