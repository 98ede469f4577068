# shellcheck shell=bash
# Progress, failures, and long commands with their output in a log.

HUB_EXT_STARTED=${HUB_EXT_STARTED:-$(date +%s)}
export HUB_EXT_STARTED

say() {
    printf '[%4d s] %s\n' "$(($(date +%s) - HUB_EXT_STARTED))" "$*" >&2
}

# One sentence, and no more: nothing was begun that would stand in the way of the next try.
refuse() {
    printf 'hub-ext: %s\n' "$*" >&2
    exit 1
}

# long SENTENCE ADVICE COMMAND…: as `attempt`; its failure ends us with the log's last lines and the advice.
long() {
    local sentence=$1 advice=$2 log=$STATE/logs/bootstrap.log
    shift 2
    attempt "$sentence" "$@" && return
    tail -n 12 "$log" >&2
    refuse "$sentence failed. $advice The whole log is $log."
}

# attempt SENTENCE COMMAND…: run it, its output in the log, a sign of life every ten seconds. Its status.
attempt() {
    local sentence=$1 log=$STATE/logs/bootstrap.log child status=0 waited=0
    shift
    say "$sentence"
    mkdir -p "$STATE/logs"
    printf '\n== %s: %s\n' "$(date -Is)" "$*" >>"$log"
    # Without the lock's descriptor: a daemon that a package starts must not hold it for ever.
    "$@" >>"$log" 2>&1 </dev/null 9>&- &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        waited=$((waited + 1))
        if [ $((waited % 50)) -eq 0 ]; then
            say "  … $(tail -n 1 "$log" | tr -d '\r\033' | cut -c -90)"
        fi
    done
    wait "$child" || status=$?
    return "$status"
}

# fresh NAME INPUT…: whether the step of that name was done with the same inputs (files or words).
fresh() {
    local stamp=$STATE/stamps/$1
    shift
    [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(digest "$@")" ]
}

# done_with NAME INPUT…: remember it.
done_with() {
    local stamp=$STATE/stamps/$1
    shift
    mkdir -p "$STATE/stamps"
    digest "$@" >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

digest() {
    local input
    for input in "$@"; do
        if [ -f "$input" ]; then cat "$input"; else printf '%s\n' "$input"; fi
    done | sha256sum | cut -d ' ' -f 1
}
