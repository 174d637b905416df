#!/usr/bin/env bash
# Every input of tests/data/field against the real Milvus, the real Jaeger and servers that spoil:
# one line per row (row, expected, seen), and 0 only where all are right. Arguments: parts of row
# names; none runs every row.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${MILVUS_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvus-bench}"
venv="$cache/field-venv"
mkdir -p "$cache"
# The Python servers need what gRPC and OTLP are spoken with.
needed='import grpc, h2, opentelemetry.proto.collector.trace.v1.trace_service_pb2'
if ! "$venv/bin/python" -c "$needed" 2>/dev/null; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet "grpcio==1.85.3" "h2==4.4.1" "opentelemetry-proto==1.45.2"
fi
cargo build --locked --quiet --bin milvus-bench --example null_milvus --example real_stack
target="${CARGO_TARGET_DIR:-target}/debug"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cp -r tests/data/field/. "$scratch/"
(cd "$scratch/tls/tlsproxy" && CGO_ENABLED=0 go build -o ../tlsproxy.bin .)
bash "$scratch/tls/make_certs.sh"
export MILVUS_BENCH_CALIBRATE=off NO_COLOR=1
"$venv/bin/python" tests/field/run.py --bin "$target" --inputs "$scratch" "$@"
