#!/bin/sh
# Writes the certificates of the TLS tests: one authority, a server named milvus.test, a client;
# valid for 100 years.
set -eu
cd "$(dirname "$0")"
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -days 36500"
$new -x509 -subj "/CN=milvus-bench test authority" -keyout ca.key -out ca.pem
$new -x509 -CA ca.pem -CAkey ca.key -subj "/CN=milvus.test" \
    -addext "subjectAltName=DNS:milvus.test" -addext "basicConstraints=CA:FALSE" \
    -keyout server.key -out server.pem
$new -x509 -CA ca.pem -CAkey ca.key -subj "/CN=client" -addext "subjectAltName=DNS:client.test" \
    -addext "basicConstraints=CA:FALSE" -keyout client.key -out client.pem
rm -f ca.key
