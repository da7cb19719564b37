#!/usr/bin/env bash
# Deployment files: what can be checked without a container engine or a cluster. The image's file tree
# is laid out as the Dockerfile does it, and the service and its healthcheck run in it, chrooted, as
# the image's user, with nothing writable. Usage: tests/integration/deploy.sh RELEASE_BUILD_FOLDER
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
program=$(realpath "$1/ai-log-filter")
work=$(mktemp -d)
service=
cleanup() {
    [ -n "$service" ] && kill "$service" 2>/dev/null && wait "$service" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
failures=0
passes=0

check() {
    local what=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passes=$((passes + 1))
    else
        failures=$((failures + 1))
        echo "FAILED: $what"
        head -n 20 "$work/out"
    fi
}
skip() { echo "skipped: $1"; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- files ----
if have yamllint; then
    check "yamllint" yamllint -s deploy configs/config.yaml configs/production.yaml
else
    skip "yamllint is not installed"
fi
if have promtool; then
    check "alerts" promtool check rules deploy/prometheus/alerts.yml
    check "tests of the alerts" promtool test rules deploy/prometheus/alerts_test.yml
    check "prometheus.yml" promtool check config deploy/prometheus/prometheus.yml
else
    skip "promtool is not installed"
fi
# JSON schemas of Kubernetes come with a Python package; the environment is that of `make peers`.
kubernetes=build/peers/bin/kubernetes-validate
[ ! -x build/peers/bin/python ] || [ -x "$kubernetes" ] ||
    build/peers/bin/python -m pip --disable-pip-version-check install --quiet --retries 1 --timeout 20 kubernetes-validate==1.37.0 >/dev/null 2>&1
if [ -x "$kubernetes" ]; then
    for file in deploy/kubernetes/*.yaml; do
        case $file in */kustomization.yaml | */config.yaml) continue ;; esac
        check "$file" "$kubernetes" --strict "$file"
    done
else
    skip "kubernetes-validate is not installed (make peers)"
fi

# ---- configurations ----
"$program" convert --input models/sample --output "$work/models" >/dev/null || { echo "FAILED: convert" && exit 1; }
chmod -R a+rX "$work"
for file in configs/config.yaml configs/production.yaml deploy/kubernetes/config.yaml; do
    check "serve --check with $file" env MODEL_PATH="$work/models" "$program" serve --check --config "$file"
done

# ---- systemd ----
if have systemd-analyze; then
    mkdir -p "$work/unit" && sed "s|/usr/bin/ai-log-filter|$program|; /^Documentation=/d" deploy/systemd/ai-log-filter.service >"$work/unit/ai-log-filter.service"
    check "systemd-analyze verify" systemd-analyze verify "$work/unit/ai-log-filter.service"
    exposure() {
        systemd-analyze security --offline=true --threshold=20 deploy/systemd/ai-log-filter.service
    }
    check "systemd-analyze security: exposure at most 2.0" exposure
else
    skip "systemd-analyze is not installed"
fi

# The unit under systemd itself: what its sandbox forbids, and that the service does all it should within it.
bash tests/integration/systemd/run.sh "$(dirname "$program")" >"$work/sandbox" 2>&1
code=$?
if [ "$code" -eq 77 ]; then
    cat "$work/sandbox"
else
    check "the service under systemd, in the unit's sandbox" sh -c "cat '$work/sandbox' && exit $code"
fi

# ---- the image ----
free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

check "image tree" bash deploy/image-tree.sh "$program" "$work/image"
size=$(du -sk --apparent-size "$work/image" | cut -f1)
echo "image: $size KB"
check "the image is under 20 MB" test "$size" -lt 20480
# The libraries of compressed models are only opened for those; the others are tried below.
compression() { find "$work/image" -name 'lib*.so*' | grep -cE '/lib(z|bz2|lzma|lz4)\.so' | grep -qx 4; }
check "libraries for compressed models" compression
cp -r "$work/models/." "$work/image/models/"
mkdir "$work/image/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout "$work/image/tls/key" -out "$work/image/tls/certificate" 2>/dev/null
chmod -R a+rX "$work/image"

# Inside the image, as its user: a chroot needs root; a mount of its own makes it read-only.
# shellcheck disable=SC2016 # expanded by the inner shell
inside='mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec chroot --userspec=65532:65532 "$0" "$@"'
start() { unshare --mount -- sh -c "$inside" "$work/image" "$@"; }
if [ "$(id -u)" -ne 0 ] || ! start /usr/bin/ai-log-filter version >/dev/null 2>&1; then
    skip "a read-only chroot is not allowed here: the service is not run inside the image"
else
    # Libraries that are opened when they are needed.
    check "validate in the image" start /usr/bin/ai-log-filter validate /models
    check "TLS in the image" env MODEL_PATH=/models ALF_TLS_CERTIFICATE=/tls/certificate ALF_TLS_KEY=/tls/key unshare --mount -- sh -c "$inside" "$work/image" \
        /usr/bin/ai-log-filter serve --check
    port=$(free_port)
    MODEL_PATH=/models ALF_LISTEN=127.0.0.1:$port unshare --mount -- sh -c "$inside" "$work/image" \
        /usr/bin/ai-log-filter serve --config /etc/ai-log-filter/config.yaml >"$work/service.log" 2>&1 &
    service=$!
    healthy() { ALF_LISTEN=127.0.0.1:$port start /usr/bin/ai-log-filter healthcheck --config /etc/ai-log-filter/config.yaml; }
    for _ in $(seq 50); do
        healthy >/dev/null 2>&1 && break
        sleep 0.1
    done
    check "healthcheck in the image" healthy
    classified() {
        curl -sf --max-time 5 -d '{"message":"Failed password for root from 10.0.0.1"}' "http://127.0.0.1:$port/classify" |
            jq -e '.category and .model'
    }
    check "classify in the image" classified
    curl -sf --max-time 5 "http://127.0.0.1:$port/metrics" >"$work/metrics"
    check "metrics" grep -q ai_filter_logs_processed_total "$work/metrics"
    # Three names with units that Prometheus would not choose are a promise to users (metrics.legacy_names).
    clean() {
        promtool check metrics <"$work/metrics" 2>&1 |
            grep -vE '^ai_filter_(inference_time_ms|onnx_inference_time_ms|onnx_model_size_kb) metric names should not contain abbreviated units$' >"$work/lint"
        cat "$work/lint" && [ ! -s "$work/lint" ]
    }
    have promtool && check "promtool check metrics" clean
    user() { grep -q '^Uid:[[:space:]]*65532' "/proc/$service/status"; }
    check "the service runs as its own user" user
    kill -TERM "$service"
    wait "$service"
    check "the service ends with 0 on SIGTERM" test $? -eq 0
    service=
    check "after that it is not healthy" sh -c "! ALF_LISTEN=127.0.0.1:$port '$program' healthcheck"
fi

echo "deployment: $passes passed, $failures failed"
[ "$failures" -eq 0 ]
