# shellcheck shell=bash
# The Python environment from a lock with hashes, by uv, from the package sources that pip knows.

PIP_ADVICE="Are pip's package sources reachable? 'pip config list' shows them."

# ensure_uv: uv in an environment of its own, and pip's settings in our environment for it.
ensure_uv() {
    local folder=$STATE/uv python
    python=$(system_python)
    if ! fresh uv "$CHECKOUT/deploy/requirements-uv.txt" "$folder" "$("$python" --version)" || ! "$folder/bin/uv" --version >/dev/null 2>&1; then
        rm -rf "$folder"
        say "Making an environment for uv"
        "$python" -m venv "$folder" || refuse "No Python environment can be made in $folder."
        long "Fetching uv" "$PIP_ADVICE" "$folder/bin/pip" install --quiet --retries 2 --timeout 20 --require-hashes -r "$CHECKOUT/deploy/requirements-uv.txt"
        done_with uv "$CHECKOUT/deploy/requirements-uv.txt" "$folder" "$("$python" --version)"
    fi
    UV=$folder/bin/uv
}

# pip takes half a second to list its settings: only where uv is about to fetch something.
load_pip_settings() {
    local settings
    settings=$("$(system_python)" "$CHECKOUT/deploy/pip_settings.py" "$STATE/uv/bin/pip") ||
        refuse "pip's settings cannot be read: see 'pip config list'."
    eval "$settings"
    export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
}

# ensure_venv LOCK: the environment of that lock with hub-ext in it, editable.
ensure_venv() {
    local lock=$CHECKOUT/deploy/$1 folder=$STATE/venv python inputs
    python=$(system_python)
    ensure_uv
    inputs=("$lock" "$CHECKOUT/pyproject.toml" "$CHECKOUT" "$folder" "$("$python" --version)")
    fresh venv "${inputs[@]}" && [ -x "$folder/bin/hub-ext" ] && return
    load_pip_settings
    # Where Python itself was upgraded, or a set-up was killed half-way, begin anew.
    [ "$("$folder/bin/python" --version 2>/dev/null)" = "$("$python" --version)" ] || rm -rf "$folder"
    [ -d "$folder" ] || "$UV" venv --quiet --python "$python" "$folder" || refuse "No Python environment can be made in $folder."
    long "Installing the Python packages" "$PIP_ADVICE" "$UV" pip sync --python "$folder/bin/python" --require-hashes --compile-bytecode "$lock"
    long "Installing hub-ext" "" "$UV" pip install --python "$folder/bin/python" --no-deps --no-build-isolation --editable "$CHECKOUT"
    done_with venv "${inputs[@]}"
}

# ensure_htmx: the console's script, from a Python package that carries it.
ensure_htmx() {
    local folder=$STATE/htmx inputs
    inputs=("$CHECKOUT/deploy/requirements-htmx.txt" "$folder")
    fresh htmx "${inputs[@]}" && [ -d "$folder" ] && return
    load_pip_settings
    rm -rf "$folder"
    long "Fetching htmx" "$PIP_ADVICE" "$STATE/uv/bin/uv" pip install --python "$STATE/venv/bin/python" --target "$folder" --no-deps --require-hashes -r "$CHECKOUT/deploy/requirements-htmx.txt"
    done_with htmx "${inputs[@]}"
}

# Debian's own: what else lies on the PATH may vanish.
system_python() {
    local python
    for python in /usr/bin/python3 "$(command -v python3)"; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$python"
            return
        fi
    done
    refuse "Python 3.11 or newer is needed."
}
