"""Servers by gRPC's C-core, each with another fault, on free ports of 127.0.0.1.

`grpc_servers.py CERTS` prints a line "NAME PORT" for each, then "ready", and ends with its stdin.
"""

import sys
from concurrent import futures
from pathlib import Path

import grpc

CERTS = Path(sys.argv[1])


def read(name):
    return (CERTS / name).read_bytes()


def server(name, certificate=None, **client):
    """A server that knows no method; without a certificate it has no TLS."""
    grpc_server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    if certificate is None:
        port = grpc_server.add_insecure_port("127.0.0.1:0")
    else:
        pair = (read(f"{certificate}.key"), read(f"{certificate}.pem"))
        credentials = grpc.ssl_server_credentials([pair], **client)
        port = grpc_server.add_secure_port("127.0.0.1:0", credentials)
    grpc_server.start()
    print(name, port)
    return grpc_server


running = [
    server("plain"),
    server("good", "server"),
    server("client-cert", "server", root_certificates=read("ca.pem"), require_client_auth=True),
]
for fault in ["ca-true", "self-signed", "v1", "expired", "future", "other-name", "no-name"]:
    running.append(server(fault, fault))
print("ready", flush=True)
sys.stdin.read()
for one in running:
    one.stop(None)
