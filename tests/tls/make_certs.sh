#!/usr/bin/env bash
# Certificates of tests/tls.rs, fresh ones, into the folder $1: a CA, and what it and others sign.
set -euo pipefail
cd "$1"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
# ca NAME: a CA of its own
ca() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -days 3650 -subj "/CN=$1" -out "$1.pem"
}
# signed NAME CA EXTENSIONS [OPTION...]: a certificate of version 3
signed() {
  local name="$1" by="$2" extensions="$3"
  shift 3
  key "$name"
  openssl req -new -key "$name.key" -subj "/CN=localhost" -out "$name.csr"
  openssl x509 -req -in "$name.csr" -CA "$by.pem" -CAkey "$by.key" -CAcreateserial -days 3650 \
    -extfile <(printf '%b' "$extensions") -out "$name.pem" "$@"
}
# dated NAME FROM TO: one with these dates, which only `openssl ca` can give
dated() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=localhost" -out "$1.csr"
  rm -rf book && mkdir book && : > book/index && echo 01 > book/serial
  printf '%s\n' '[ca]' 'default_ca=c' '[c]' 'new_certs_dir=book' 'database=book/index' \
    'serial=book/serial' 'default_md=sha256' 'policy=p' 'x509_extensions=x' '[p]' \
    'commonName=supplied' '[x]' "subjectAltName=$here" 'basicConstraints=CA:FALSE' > book/config
  openssl ca -batch -notext -config book/config \
    -cert ca.pem -keyfile ca.key -in "$1.csr" -startdate "$2" -enddate "$3" -out "$1.pem"
}

here="DNS:localhost,IP:127.0.0.1"
leaf="basicConstraints=CA:FALSE\n"
ca ca
ca other-ca
signed server ca "subjectAltName=$here\n$leaf"
signed ca-true ca "subjectAltName=$here\nbasicConstraints=critical,CA:TRUE\n"
signed other-name ca "subjectAltName=DNS:other.test,IP:127.0.0.9\n$leaf"
signed no-name ca "$leaf"
signed client ca "subjectAltName=DNS:client.test\n$leaf"
signed other-client other-ca "subjectAltName=DNS:client.test\n$leaf"
dated expired 20200101000000Z 20210101000000Z
dated future 20900101000000Z 20910101000000Z
# Without extensions it is of version 1.
key v1
openssl req -new -key v1.key -subj "/CN=localhost" -out v1.csr
openssl x509 -req -in v1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out v1.pem
# What `openssl req -x509` gives by itself is a CA's certificate.
key self-signed
openssl req -x509 -new -key self-signed.key -days 3650 -subj "/CN=localhost" \
  -addext "subjectAltName=$here" -out self-signed.pem
