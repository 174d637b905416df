#!/bin/sh
# Writes the certificates of tests/cli/otlp.rs: an authority that nobody knows, and a server at 127.0.0.1; another authority, and
# a client of it; valid for 100 years.
set -eu
cd "$(dirname "$0")"
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -days 36500"
$new -x509 -subj "/CN=milvus-bench test authority of OTLP" -keyout ca.key -out ca.pem
$new -x509 -CA ca.pem -CAkey ca.key -subj "/CN=127.0.0.1" -addext "subjectAltName=IP:127.0.0.1" \
    -addext "basicConstraints=CA:FALSE" -keyout server.key -out server.pem
$new -x509 -subj "/CN=milvus-bench test authority of OTLP clients" -keyout client-ca.key -out client-ca.pem
$new -x509 -CA client-ca.pem -CAkey client-ca.key -subj "/CN=milvus-bench" -addext "extendedKeyUsage=clientAuth" \
    -addext "basicConstraints=CA:FALSE" -keyout client.key -out client.pem
rm -f ca.key client-ca.key
