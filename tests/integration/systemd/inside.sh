#!/usr/bin/env bash
# Within the machine of machine.bash: installs the service as docs/deployment.md says, by running the page's own
# commands, starts it, and asks it everything; then the tests of the service run in the unit's sandbox.
set -uo pipefail
cd /srv/source || exit
failures=0
tests=0
work=/run/test
unit=ai-log-filter
sandboxed=/etc/systemd/system/sandboxed.service
mkdir -p "$work"

check() {
    local what=$1
    shift
    if ! "$@" >"$work/out" 2>&1; then
        failures=$((failures + 1))
        echo "FAILED: $what"
        tail -n 20 "$work/out"
    fi
}

retry() {
    for _ in $(seq 100); do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}

# The commands of a section: its indented lines.
commands_of() {
    sed -n "/^## $1\$/,/^## /s/^    //p" docs/deployment.md
}
main_pid() { systemctl show -P MainPID "$unit"; }
is_state() { [ "$(systemctl show -P ActiveState "$unit")" = "$1" ]; }
messages() { journalctl --no-pager -o cat -u "$unit"; }
get() { curl -sf --max-time 10 "http://127.0.0.1:8080$1" "${@:2}"; }

# ---- as installed ----
"$PROGRAM" convert --input models/sample --output "$work/bundle" >/dev/null || exit 1
commands_of systemd | sed "s|build/release/ai-log-filter|$PROGRAM|; s|BUNDLE|$work/bundle|" >"$work/install.sh"
check "the page has commands" test "$(wc -l <"$work/install.sh")" -ge 5
check "installation as documented" bash -e "$work/install.sh"
check "it is active as soon as systemctl comes back" is_state active
check "it is ready as soon as systemctl comes back" get /health/ready
check "/classify" get /classify -d '{"log": "Failed password for root from 203.0.113.5"}'
status_is() { grep -q "^$1:[[:space:]]*$2\$" "/proc/$(main_pid)/status"; }
check "a filter of system calls is in force" status_is Seccomp 2
check "no new privileges" status_is NoNewPrivs 1
check "no capability" status_is CapBnd 0000000000000000
not_root() { [ "$(stat -c %u "/proc/$(main_pid)")" -gt 1000 ]; }
check "an unprivileged user" not_root
said() { messages | grep "$1" >/dev/null; }
check "it says that rules are interpreted" said "rules are interpreted"
interpreted() { get /metrics | grep -x 'ai_filter_rules_machine_code 0' >/dev/null; }
check "and so does the metric" interpreted
generation_is() { [ "$(get /health | jq .generation)" = "$1" ]; }
reloaded() {
    systemctl reload "$unit"
    retry generation_is 2
}
check "systemctl reload" reloaded

# ---- with tokens, TLS and feedback ----
(cd "$work" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>/dev/null)
token=a-token-of-the-test-$$
install -m 600 <(echo "$token") /etc/ai-log-filter/tokens
install -m 600 "$work/server.key" "$work/server.pem" /etc/ai-log-filter/
commands_of "Secrets and feedback under systemd" >"$work/secrets.sh"
check "the page has commands" test "$(wc -l <"$work/secrets.sh")" -ge 5
check "tokens, TLS and feedback as documented" bash -e "$work/secrets.sh"
secure() { curl -sf --max-time 10 --cacert "$work/server.pem" -H "Authorization: Bearer $token" "https://127.0.0.1:8443$1" "${@:2}"; }
check "with a token, over TLS" secure /classify -d '{"log": "a"}'
refused() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$work/server.pem" https://127.0.0.1:8443/stats)" = 401 ]; }
check "without a token" refused
check "feedback" secure /feedback -d '{"log": "a", "category": "noise"}'
check "feedback is in the state folder" test "$(wc -l </var/lib/ai-log-filter/feedback.ndjson)" = 1
expiry() { secure /metrics | grep '^ai_filter_certificate_expiry_timestamp_seconds ' >/dev/null; }
check "metrics say when the certificate ends" expiry
check "no token in the journal" sh -c "! journalctl --no-pager | grep $token"

# Files of a group instead of credentials: a reload takes the new token.
by_group() {
    chgrp daemon /etc/ai-log-filter/tokens && chmod 640 /etc/ai-log-filter/tokens
    printf '%s\n' '[Service]' SupplementaryGroups=daemon Environment=ALF_API_TOKENS_FILE=/etc/ai-log-filter/tokens \
        >"/etc/systemd/system/$unit.service.d/zz-group.conf"
    systemctl daemon-reload && systemctl restart "$unit" && secure /stats || return 1
    token=another-token-of-the-test
    echo "$token" >/etc/ai-log-filter/tokens
    ! secure /stats && systemctl reload "$unit" || return 1
    retry secure /stats
}
check "a token that a group may read is changed by a reload" by_group

# ---- its ends ----
restarted() {
    local before
    before=$(main_pid)
    [ "$before" -gt 1 ] || return 1
    kill -KILL "$before"
    anew() { [ "$(main_pid)" != "$before" ] && secure /health/ready; }
    retry anew
}
check "killed, it is started anew" restarted
stopped() { systemctl stop "$unit" && [ "$(systemctl show -P Result "$unit")" = success ] && said '"stopped"'; }
check "SIGTERM: it ends in order" stopped
wrong() {
    echo "server: {nonsense: 1}" >/etc/ai-log-filter/config.yaml
    ! systemctl start "$unit" && sleep 2 && is_state failed && [ "$(systemctl show -P NRestarts "$unit")" = 0 ] && said nonsense
}
check "a wrong configuration fails at once and is not tried again" wrong

# ---- the tests of the service, and a probe, in the unit's sandbox ----
# run_sandboxed SECONDS COMMAND: all of the unit's settings but for what it runs. What the tests start is in the same
# sandbox: filters, user and mounts are inherited.
run_sandboxed() {
    local seconds=$1
    shift
    {
        sed -nE '1,/^\[Service\]$/p' "deploy/systemd/$unit.service"
        printf '%s\n' Type=oneshot "ExecStart=$*" "TimeoutStartSec=$seconds" \
            "Environment=ALF_BINARY=$PROGRAM ALF_SOURCE_DIR=/srv/source PYTHONDONTWRITEBYTECODE=1" \
            "StandardOutput=append:$work/sandboxed" "StandardError=append:$work/sandboxed"
        sed -E '1,/^\[Service\]$/d; /^(Type|ExecStart|ExecReload|Restart|RestartSec|RestartPreventExitStatus|Environment)=/d; /^\[Install\]$/,$d' \
            "deploy/systemd/$unit.service"
    } >"$sandboxed"
    systemctl daemon-reload
    : >"$work/sandboxed"
    systemctl start sandboxed
    local result=$?
    cat "$work/sandboxed"
    return $result
}
check "what the sandbox forbids" run_sandboxed 60 /usr/bin/python3 /srv/source/tests/integration/systemd/probe.py
check "is allowed outside" python3 tests/integration/systemd/probe.py outside
for test in $(sed -n 's|^exec .*/serve/run.sh" ||p' tests/integration/test_serve_*.sh); do
    [ "$test" != names ] || continue # reads documentation
    tests=$((tests + 1))
    check "in the sandbox: serve/$test.py" run_sandboxed 300 /usr/bin/python3 "/srv/source/tests/integration/serve/$test.py"
done
check "the tests of the service were found" test "$tests" -ge 6

[ "$failures" -eq 0 ]
