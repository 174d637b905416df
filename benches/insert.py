#!/usr/bin/env python3
"""Inserting beside pymilvus against a Milvus that is up: rows per second and client CPU per row of
one caller, the preparation of the bytes included.

    benches/insert.py --uri http://127.0.0.1:19530 --python VENV/bin/python

Both insert the same vectors from a file, as an Int64 key and a float vector, in batches of the same
size, one request after another, into an empty collection of their own that is dropped at the end.
pymilvus gets its columns as NumPy arrays, which is its fastest form. Interleaved, medians, Linux.
"""

import argparse
import array
import json
import random
import shutil
import struct
import tempfile

import engine

# Bounds of milvus-bench: at least so many of pymilvus' rows per second, at most this share of its
# CPU per row.
ROWS, CPU = 1.0, 0.25
# Different rows in the file, and how often they stand in it.
DISTINCT, TIMES = 1_000, 20

PYMILVUS = """
import json, sys, time
import numpy, pymilvus
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema
uri, path, seconds, batch = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
count, dim = numpy.fromfile(path, "<u4", 2)
vectors = numpy.fromfile(path, "<f4", offset=8).reshape(count, dim)
pymilvus.connections.connect(uri=uri)
fields = [
    FieldSchema("id", DataType.INT64, is_primary=True),
    FieldSchema("vector", DataType.FLOAT_VECTOR, dim=int(dim)),
]
collection = Collection("milvus_bench_insert_py", CollectionSchema(fields))
try:
    began, started = time.process_time(), time.monotonic()
    done = 0
    while time.monotonic() < started + seconds:
        first = done % (count - batch + 1)
        ids = numpy.arange(done, done + batch)
        collection.insert([ids, vectors[first : first + batch]])
        done += batch
    cpu_s, wall_s = time.process_time() - began, time.monotonic() - started
finally:
    collection.drop()
print(json.dumps({"rows": done, "cpu_s": cpu_s, "wall_s": wall_s, "version": pymilvus.__version__}))
"""


def data(bench, dim):
    """A file of fbin with random rows."""
    rng = random.Random(dim)
    values = array.array("f", (rng.gauss(0, 1) for _ in range(DISTINCT * dim)))
    path = bench.file(f"{dim}.fbin")
    with open(path, "wb") as file:
        file.write(struct.pack("<II", DISTINCT * TIMES, dim))
        for _ in range(TIMES):
            file.write(values.tobytes())
    return path


def scenario(bench, options, path):
    text = f"""
name = "insert"
[milvus]
uri = "{options.uri}"
connections = 1
[tracing]
sample_ratio = 0.01
export = "off"
[tracing.spans]
source = "none"
[data.rows]
format = "fbin"
base = "{path}"
[collections.rows]
name = "milvus_bench_insert"
data = "rows"
metric = "L2"
prepare = "schema"
index = {{ type = "FLAT" }}
[workloads.insert]
operation = "insert"
collection = "rows"
concurrency = 1
batch = {options.batch}
on_end = "repeat"
[[phases]]
name = "load"
duration = "{options.seconds}s"
workloads = ["insert"]
"""
    made = bench.file("scenario.toml")
    made.write_text(text)
    return made


def clients(bench, options, dim):
    """By name, a measurement that gives rows per second and CPU microseconds per row."""
    path = data(bench, dim)
    written = scenario(bench, options, path)

    def ours():
        folder = bench.file("run")
        bench.run("milvus-bench", engine.product_command(bench, written, folder))
        found = engine.product_result(folder)
        shutil.rmtree(folder)
        return {
            "per_second": found["per_second"] * options.batch,
            "cpu_us": found["cpu_us"] / options.batch,
        }

    def pymilvus():
        command = [options.python, "-c", PYMILVUS, options.uri, path, options.seconds]
        out, _, _ = bench.run("pymilvus", [*command, options.batch])
        found = json.loads(out.splitlines()[-1])
        options.version = found["version"]
        return {
            "per_second": found["rows"] / found["wall_s"],
            "cpu_us": found["cpu_s"] * 1e6 / found["rows"],
        }

    return {"milvus-bench": ours, "pymilvus": pymilvus}


def table(bench, options, dim):
    measures = clients(bench, options, dim)
    found = engine.interleaved(bench, measures, lambda name: measures[name]())
    base, own = found["pymilvus"], found["milvus-bench"]
    rate, cpu = own["per_second"] / base["per_second"], own["cpu_us"] / base["cpu_us"]
    rows = []
    for name, result in found.items():
        is_own = name == "milvus-bench"
        rows.append(
            [
                str(dim),
                name,
                f"{result['per_second']:,.0f}",
                f"{rate:.2f}" if is_own else "1",
                f"{result['cpu_us']:.2f}",
                f"{cpu:.2f}" if is_own else "1",
                engine.verdict(rate >= ROWS and cpu <= CPU) if is_own else "",
            ]
        )
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--uri", required=True, help="a Milvus in which collections may be created"
    )
    parser.add_argument(
        "--python",
        required=True,
        help="interpreter of a virtual environment with pymilvus and numpy",
    )
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 768])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--client-core",
        default=f"0-{engine.os.cpu_count() - 1}",
        help="cores of the clients, as for taskset (all)",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="milvus-bench-insert-") as scratch:
        bench = engine.Bench(options, scratch)
        rows = [row for dim in options.dims for row in table(bench, options, dim)]
        print(*(f"{fact}  " for fact in engine.machine()), sep="\n")
        print(
            f"pymilvus {options.version}, one caller, {options.batch:,} rows a request, medians of "
            f"{options.repetitions} interleaved repetitions of {options.seconds:g} s\n"
        )
        head = ["dim", "client", "rows/s", "x", "CPU us/row", "x", "bound"]
        engine.print_table(head, rows)
        print(f"bounds: at least {ROWS:g} x its rows/s, at most {CPU:g} x its CPU per row\n")
        print("```text\n" + "\n".join(bench.commands.values()) + "\n```")


if __name__ == "__main__":
    main()
