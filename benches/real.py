#!/usr/bin/env python3
"""Clients beside each other against a Milvus that is up: CPU per search and resident memory at 8 in
flight.

    benches/real.py --uri http://127.0.0.1:19530
    benches/real.py --uri http://127.0.0.1:19530 --python VENV/bin/python      with pymilvus beside

milvus-bench prepares the collection `milvus_bench_real` (10,000 GloVe vectors, HNSW) with its first
run and keeps it; ghz and the bare h2 client then send one of its searches again and again, pymilvus
the same vectors. Interleaved, medians, Linux.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import engine

CPU_MS, MEMORY_MIB = 0.05, 40
DATA = engine.ROOT / "scenarios/data/glove-100-quick"

PYMILVUS = """
import concurrent.futures, json, struct, sys, time
import pymilvus
uri, queries, seconds, in_flight = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
raw = open(queries, "rb").read()
count, dim = struct.unpack("<II", raw[:8])
rows = range(min(count, 200))
vectors = [list(struct.unpack_from(f"<{dim}f", raw, 8 + 4 * dim * row)) for row in rows]
pymilvus.connections.connect(uri=uri)
collection = pymilvus.Collection("milvus_bench_real")
def caller(number):
    done = 0
    while time.monotonic() < until:
        vector = vectors[(number + done) % len(vectors)]
        params = {"metric_type": "COSINE", "params": {"ef": 64}}
        collection.search([vector], "vector", params, 10, consistency_level="Bounded")
        done += 1
    return done
began = time.process_time()
until = time.monotonic() + seconds
with concurrent.futures.ThreadPoolExecutor(in_flight) as pool:
    done = sum(pool.map(caller, range(in_flight)))
print(json.dumps({"requests": done, "cpu_s": time.process_time() - began}))
"""


def scenario(bench, options):
    text = f"""
name = "real"
[milvus]
uri = "{options.uri}"
connections = 1
[tracing]
sample_ratio = 0.01
export = "off"
[tracing.spans]
source = "none"
[data.glove]
format = "fbin"
base = "{DATA}/base.fbin"
queries = "{DATA}/query.fbin"
[collections.words]
name = "milvus_bench_real"
data = "glove"
metric = "COSINE"
consistency = "Bounded"
prepare = "ensure"
keep = true
index = {{ type = "HNSW", params = {{ M = 16, efConstruction = 200 }} }}
[workloads.search]
operation = "search"
collection = "words"
concurrency = {options.in_flight}
limit = 10
params = {{ ef = 64 }}
[[phases]]
name = "load"
warmup = "1s"
duration = "{options.seconds}s"
workloads = ["search"]
"""
    path = bench.file("scenario.toml")
    path.write_text(text)
    return path


def watched(bench, what, command, stdout):
    """Runs a client to its end: the most MiB that were resident."""
    with open(stdout, "w") as out:
        process = bench.start(what, command, bench.options.client_cores, stdout=out)
        return max(mib for _, mib in engine.resident(process))


def clients(bench, options):
    """By name, a measurement that gives searches per second, CPU milliseconds per search, MiB."""
    path = scenario(bench, options)
    message = bench.file("body")

    def ours():
        folder, out = bench.file("run"), bench.file("out")
        mib = watched(bench, "milvus-bench", engine.product_command(bench, path, folder), out)
        found = engine.product_result(folder)
        shutil.rmtree(folder)
        return {"per_second": found["per_second"], "cpu_ms": found["cpu_us"] / 1000, "mib": mib}

    def bare():
        out = bench.file("out")
        command = [
            bench.programs["bare_h2"],
            options.uri,
            options.in_flight,
            options.seconds,
            message,
            1,
        ]
        mib = watched(bench, "bare h2", command, out)
        found = json.loads(out.read_text())
        return {"per_second": found["per_second"], "cpu_ms": found["cpu_us"] / 1000, "mib": mib}

    def ghz():
        out = bench.file("out")
        more = ["-z", f"{options.seconds}s", "--duration-stop", "ignore"]
        load = {"body": message, "in_flight": options.in_flight, "connections": 1, "more": more}
        before = engine.cpu_of_children()
        mib = watched(bench, "ghz", engine.ghz_command(bench, options.uri, load), out)
        found = json.loads(out.read_text())
        cpu, requests = engine.cpu_of_children() - before, found["statusCodeDistribution"]["OK"]
        return {
            "per_second": requests / (found["total"] / 1e9),
            "cpu_ms": cpu * 1000 / requests,
            "mib": mib,
        }

    def pymilvus():
        out = bench.file("out")
        command = [
            options.python,
            "-c",
            PYMILVUS,
            options.uri,
            DATA / "query.fbin",
            options.seconds,
            options.in_flight,
        ]
        mib = watched(bench, "pymilvus", command, out)
        found = json.loads(out.read_text().splitlines()[-1])
        return {
            "per_second": found["requests"] / options.seconds,
            "cpu_ms": found["cpu_s"] * 1000 / found["requests"],
            "mib": mib,
        }

    # Once before the others: it makes the collection, and warms the server.
    ours()
    command = [str(bench.programs["request_body"]), str(path), "search"]
    message.write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    found = {"milvus-bench": ours, "bare h2": bare}
    if bench.programs["ghz"]:
        found["ghz"] = ghz
    if options.python:
        found["pymilvus"] = pymilvus
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--uri", required=True, help="a Milvus in which a collection may be created"
    )
    parser.add_argument("--python", help="interpreter of a virtual environment with pymilvus")
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--client-cores",
        default=f"0-{engine.os.cpu_count() - 1}",
        help="cores of the clients, as for taskset (all)",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="milvus-bench-real-") as scratch:
        bench = engine.Bench(options, scratch)
        measures = clients(bench, options)
        found = engine.interleaved(bench, measures, lambda name: measures[name]())
        print(*(f"{fact}  " for fact in engine.machine()), sep="\n")
        print(
            f"{options.in_flight} in flight, medians of {options.repetitions} interleaved "
            f"repetitions of {options.seconds:g} s\n"
        )
        loaded = sum(path.stat().st_size for path in pathlib.Path(DATA).glob("*.fbin")) / 2**20
        rows = []
        for name, result in found.items():
            bound = ""
            if name == "milvus-bench":
                bound = engine.verdict(
                    result["cpu_ms"] <= CPU_MS and result["mib"] <= loaded + MEMORY_MIB
                )
            rows.append(
                [
                    name,
                    f"{result['per_second']:,.0f}",
                    f"{result['cpu_ms']:.3f}",
                    f"{result['mib']:.1f}",
                    bound,
                ]
            )
        engine.print_table(
            ["client", "searches/s", "CPU ms/search", "most MiB resident", "bound"], rows
        )
        print(
            f"bounds: {CPU_MS} ms of CPU per search; {MEMORY_MIB} MiB beyond the loaded data, "
            f"which is {loaded:.1f} MiB\n"
        )
        print("```text\n" + "\n".join(bench.commands.values()) + "\n```")


if __name__ == "__main__":
    main()
