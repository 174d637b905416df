#!/usr/bin/env python3
"""The load engine beside other clients: what a request costs, how late it leaves, what a stall does
to the figures.

    benches/engine.py             every table, five interleaved repetitions of five seconds
    benches/engine.py --table cost --seconds 2 --repetitions 3

Builds the program and its bare clients, starts the null Milvus on one core and each client on
another, and prints Markdown. Linux, two cores, Python 3 alone. h2load (Debian: nghttp2-client) and
ghz (go install github.com/bojand/ghz/cmd/ghz@v0.121.0) are run where they are found. What the
tables mean is in benches/README.md.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEARCH = "milvus.proto.milvus.MilvusService"
TICK = os.sysconf("SC_CLK_TCK")

# The bounds, each against what stands beside it in the same table.
CPU_AT_1, RATE_AT_1 = 1.35, 0.8
BUSY_ENOUGH = 0.85
LAG, CPU_SHARE_AT_100 = 1.5, 0.02
TRACING_AT_1, TRACED_RATE, TRACED_CORE, EXPORTER_US = 0.05, 5_000, 0.10, 6.0
STALL_SHARE, STALL_MS = 0.02, 5.0
MEMORY_MIB = 5.0


class Bench:
    """Options, programs, a scratch folder, and the commands that were run."""

    def __init__(self, options, scratch):
        self.options, self.scratch, self.commands, self.number = (
            options,
            pathlib.Path(scratch),
            {},
            0,
        )
        self.programs = build()
        self.programs["h2load"] = shutil.which("h2load")
        self.programs["ghz"] = shutil.which("ghz") or shutil.which(
            os.path.expanduser("~/go/bin/ghz")
        )
        for name in ("h2load", "ghz"):
            if not self.programs[name]:
                print(
                    f"{name} is not installed and is left out: see the head of benches/engine.py",
                    file=sys.stderr,
                )

    def file(self, name):
        self.number += 1
        return self.scratch / f"{self.number}-{name}"

    def start(self, what, command, core=None, **more):
        """Starts a command on the client's core, and keeps its words for the record."""
        core = self.options.client_core if core is None else core
        words = ["taskset", "-c", str(core), *map(str, command)]
        self.commands.setdefault(what, shown(words, self.scratch))
        environment = {**os.environ, "MILVUS_BENCH_CALIBRATE": "off"}
        return subprocess.Popen(words, cwd=ROOT, env=environment, text=True, **more)

    def run(self, what, command, ok=(0,)):
        """Runs a command to its end: stdout, CPU seconds, wall seconds."""
        out = self.file("stdout")
        began = time.monotonic()
        with open(out, "w") as stdout:
            process = self.start(what, command, stdout=stdout, stderr=subprocess.PIPE)
            errors = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in ok:
            raise SystemExit(f"{what} ended with {process.returncode}: {errors[-2000:]}")
        return out.read_text(), used.ru_utime + used.ru_stime, time.monotonic() - began

    @contextlib.contextmanager
    def null_milvus(self):
        """The null Milvus on the server's core: (process, URI)."""
        command = [self.programs["null_milvus"], "--listen", "127.0.0.1:0"]
        core = self.options.server_core
        process = self.start(
            "null_milvus", command, core, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield process, "http://" + process.stdout.readline().split()[-1]
        finally:
            process.stdin.close()
            process.wait()

    @contextlib.contextmanager
    def server_core_awake(self):
        """Something of the lowest priority that spins on the server's core: a virtual core that has
        slept wakes slowly."""

        def lowest():
            os.sched_setaffinity(0, {self.options.server_core})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

        spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lowest)
        try:
            yield
        finally:
            spinner.kill()
            spinner.wait()


def build():
    """Paths of the programs by name, built as users build them."""
    benches = [
        word for name in ("bare_h2", "bare_tonic", "bare_timer") for word in ("--bench", name)
    ]
    examples = ["--example", "null_milvus", "--example", "request_body"]
    command = [
        "cargo",
        "build",
        "--locked",
        "--release",
        "--bin",
        "milvus-bench",
        *examples,
        *benches,
    ]
    print("building:", " ".join(command), file=sys.stderr)
    built = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    lines = (json.loads(line) for line in built.stdout.splitlines())
    return {line["target"]["name"]: line["executable"] for line in lines if line.get("executable")}


def shown(words, scratch):
    """A command as it is printed: no path of this machine."""
    text = " ".join(words).replace(str(scratch), "SCRATCH").replace(str(ROOT) + "/", "")
    text = re.sub(r"\S*/(ghz|h2load)\b", r"\1", text)
    text = re.sub(r"\S*/deps/(\w+)-[0-9a-f]{16}", r"\1", text)
    return re.sub(
        r"SCRATCH/\d+-", "SCRATCH/", re.sub(r"127\.0\.0\.1:[1-9]\d+", "127.0.0.1:PORT", text)
    )


def machine():
    """Facts that the figures hold for."""

    def first(command):
        with contextlib.suppress(OSError, subprocess.CalledProcessError, IndexError):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            return (done.stdout or done.stderr).strip().splitlines()[0]
        return "unknown"

    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    processor = model[1] if model else "unknown processor"
    version = first(["git", "describe", "--always", "--dirty"])
    return [
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {processor}, {os.cpu_count()} cores, "
        f"Linux {os.uname().release}, load average {os.getloadavg()[0]:.1f}",
        f"milvus-bench {version}, {first(['rustc', '--version'])}",
    ]


# --- the product, as users run it ---


def scenario(
    bench,
    uri,
    load,
    sample_ratio=0,
    dim=128,
    connections=1,
    length=None,
    warmup="500ms",
):
    """A scenario of searches on the null Milvus; the client's own spans go to it too."""
    length = length or f'duration = "{bench.options.seconds}s"'
    values = {
        "uri": uri,
        "connections": connections,
        "sample_ratio": sample_ratio,
        "export": uri,
        "dim": dim,
        "collection": 'prepare = "schema"\nindex = { type = "FLAT" }',
        "search": load,
        "phase": f'warmup = "{warmup}"\n{length}',
        "workloads": '"search"',
    }
    text = (ROOT / "src/null_milvus/scenario.toml").read_text()
    for word, value in values.items():
        text = text.replace(f"{{{word}}}", str(value))
    path = bench.file("scenario.toml")
    path.write_text(text)
    return path


def product_command(bench, path, folder):
    return [
        bench.programs["milvus-bench"],
        "run",
        path,
        "--out",
        folder,
        "--threads",
        "1",
        "--quiet",
        "--accept-invalid",
    ]


def product_result(folder):
    """What a run folder says: figures of the report, CPU of the whole process during the phase."""
    report, run = (json.loads((folder / name).read_text()) for name in ("report.json", "run.json"))
    workload = next(workload for workload in report["workloads"] if workload["phase"] == "load")
    phase = next(phase for phase in run["phases"] if phase["name"] == "load")
    length = (phase["end"]["monotonic_ns"] - phase["start"]["monotonic_ns"]) / 1e9
    sent = sum(stream["sent"] for stream in run["streams"] if stream["phase"] == "load")
    assert workload["requests"]["ok"] > 0, folder
    return {
        "per_second": workload["rate"]["throughput"],
        "cpu_us": phase["cpu_s"] * 1e6 / max(sent, 1),
        "busy": phase["cpu_s"] / length,
        "workload": workload,
        "run": run,
    }


def product(bench, what, path):
    folder = bench.file("run")
    bench.run(what, product_command(bench, path, folder))
    result = product_result(folder)
    shutil.rmtree(folder)
    return result


def quantile(workload, figure, name):
    """Microseconds."""
    return workload[figure][name]["value"]


# --- the other clients ---


def bare(bench, name, server, load):
    command = [
        bench.programs[name],
        server[1],
        load["in_flight"],
        bench.options.seconds,
        load["body"],
        load["connections"],
    ]
    return json.loads(bench.run(name, command)[0])


def h2load(bench, server, load):
    streams = max(load["in_flight"] // load["connections"], 1)
    headers = ["-H", "te: trailers", "-H", "content-type: application/grpc"]
    command = [
        bench.programs["h2load"],
        "-D",
        bench.options.seconds,
        "-t",
        1,
        "-c",
        load["connections"],
        "-m",
        streams,
    ]
    out, cpu, wall = bench.run(
        "h2load", [*command, "-d", load["framed"], *headers, f"{server[1]}/{SEARCH}/Search"]
    )
    requests = int(re.search(r"(\d+) succeeded", out)[1])
    return {
        "per_second": requests / bench.options.seconds,
        "cpu_us": cpu * 1e6 / requests,
        "busy": cpu / wall,
    }


def ghz_proto(bench):
    """The project's messages with the one method that is called: its own file has no service."""
    path = bench.scratch / "search.proto"
    service = "\nservice MilvusService { rpc Search(SearchRequest) returns (SearchResults); }\n"
    path.write_text((ROOT / "proto/milvus.proto").read_text() + service)
    return path


def ghz_command(bench, uri, load):
    return [
        bench.programs["ghz"], "--insecure", "--proto", ghz_proto(bench),
        "--call", f"{SEARCH}.Search", "-B", load["body"],
        "-c", load["in_flight"], "--connections", load["connections"],
        "-O", "json", *load.get("more", []), uri.removeprefix("http://"),
    ]  # fmt: skip


def ghz(bench, server, load):
    load = {**load, "more": ["-z", f"{bench.options.seconds}s", "--duration-stop", "ignore"]}
    out, cpu, wall = bench.run("ghz", ghz_command(bench, server[1], load))
    found = json.loads(out)
    requests = found["statusCodeDistribution"].get("OK", 0)
    return {
        "per_second": requests / (found["total"] / 1e9),
        "cpu_us": cpu * 1e6 / requests,
        "busy": cpu / wall,
    }


def closed_product(traced):
    def measure(bench, server, load):
        path = scenario(
            bench,
            server[1],
            f"concurrency = {load['in_flight']}",
            traced,
            load["dim"],
            load["connections"],
        )
        return product(bench, "milvus-bench", path)

    return measure


def body(bench, dim):
    """The message of a search as the product encodes it: plain, and with gRPC's prefix."""
    path = scenario(bench, "http://127.0.0.1:1", "concurrency = 1", dim=dim)
    command = [bench.programs["request_body"], path, "search"]
    message = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True).stdout
    plain, framed = bench.file("body"), bench.file("framed")
    plain.write_bytes(message)
    framed.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return {"dim": dim, "bytes": len(message), "body": plain, "framed": framed}


# --- tables ---


def interleaved(bench, clients, measure):
    """Each client once per repetition; by client, the medians of its figures."""
    found = {name: [] for name in clients}
    for repetition in range(bench.options.repetitions):
        for name in clients:
            print(f"  repetition {repetition + 1}: {name}", file=sys.stderr)
            found[name].append(measure(name))
    return {
        name: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for name, results in found.items()
    }


def verdict(holds):
    return "pass" if holds else "**fail**"


def print_table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def cpu_of(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_of_children():
    """CPU seconds of the clients that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def with_server_share(bench, server, measure):
    """A measurement, and how busy the server was meanwhile: it should not be what limits the
    others."""
    cpu, began = cpu_of(server[0]), time.monotonic()
    found = measure()
    found = {key: found[key] for key in ("per_second", "cpu_us", "busy")}
    # Starting and reporting are in the time, so this is a lower bound for the load itself.
    return {**found, "server": (cpu_of(server[0]) - cpu) / (time.monotonic() - began)}


def cost(bench):
    """CPU per request and requests per second of every client."""
    clients = {
        "bare h2": lambda bench, server, load: bare(bench, "bare_h2", server, load),
        "milvus-bench, 0 % traced": closed_product(0),
        "milvus-bench, 1 % traced": closed_product(0.01),
        "milvus-bench, 100 % traced": closed_product(1),
        "tonic's channel": lambda bench, server, load: bare(bench, "bare_tonic", server, load),
    }
    clients |= {
        name: client for name, client in (("h2load", h2load), ("ghz", ghz)) if bench.programs[name]
    }
    bodies = [body(bench, dim) for dim in bench.options.dims]
    for load in [
        {**one, "in_flight": in_flight, "connections": connections}
        for one in bodies
        for connections in bench.options.connections
        for in_flight in bench.options.in_flight
    ]:
        print(
            f"#### {load['bytes']} bytes, {load['in_flight']} in flight, "
            f"{load['connections']} connection(s)\n"
        )
        with bench.null_milvus() as server:
            found = interleaved(
                bench,
                clients,
                lambda name: with_server_share(
                    bench, server, lambda: clients[name](bench, server, load)
                ),
            )
        rows = [cost_row(name, result, found["bare h2"]) for name, result in found.items()]
        print_table(
            [
                "client",
                "CPU us/request",
                "x bare h2",
                "requests/s",
                "x bare h2",
                "core busy",
                "server busy",
                "bound",
            ],
            rows,
        )


def cost_row(name, result, base):
    cpu, rate = result["cpu_us"] / base["cpu_us"], result["per_second"] / base["per_second"]
    bound = ""
    if "milvus-bench, 1 %" in name:
        holds = cpu <= CPU_AT_1 and rate >= RATE_AT_1
        bound = verdict(holds) if result["busy"] >= BUSY_ENOUGH else "core not busy"
    return [
        name, f"{result['cpu_us']:.1f}", f"{cpu:.2f}",
        f"{result['per_second']:,.0f}", f"{rate:.2f}",
        f"{result['busy']:.0%}", f"{result['server']:.0%}", bound,
    ]  # fmt: skip


def lag(bench):
    """Send lag beside a bare timer on the same core."""
    rows = []
    with bench.null_milvus() as (_, uri):
        for rate in (100, 1_000, 10_000):

            def timer():
                return json.loads(
                    bench.run(
                        "bare_timer", [bench.programs["bare_timer"], rate, bench.options.seconds]
                    )[0]
                )

            def lateness():
                path = scenario(
                    bench, uri, f'rate = {rate}\narrivals = "even"', 0.01
                )
                result = product(bench, "milvus-bench", path)
                names = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
                return {
                    to: quantile(result["workload"], "send_lag_us", name) for to, name in names
                } | {"busy": result["busy"]}

            clients = {"bare": timer, "milvus-bench": lateness}
            found = interleaved(bench, clients, lambda name: clients[name]())
            timer_, ours = found["bare"], found["milvus-bench"]
            ratios = {key: ours[key] / timer_[key] for key in ("p50", "p99", "p999")}
            holds = max(ratios["p50"], ratios["p99"]) <= LAG and (
                rate > 100 or ours["busy"] < CPU_SHARE_AT_100
            )
            three = lambda values, form: " / ".join(
                format(values[key], form) for key in ("p50", "p99", "p999")
            )
            rows.append(
                [
                    f"{rate:,}",
                    three(timer_, ".0f"),
                    three(ours, ".0f"),
                    three(ratios, ".2f"),
                    f"{ours['busy']:.1%}",
                    verdict(holds),
                ]
            )
    head = [
        "requests/s",
        "bare timer us p50 / p99 / p99.9",
        "send lag us",
        "ratio",
        "client's share of the core",
        "p50 and p99 within bound",
    ]
    print_table(head, rows)


def stall(bench):
    """The server stopped for a second: what each client says of it, against what the schedule
    implies."""
    message = body(bench, 128)
    ours = {
        f"milvus-bench, {words}": f'rate = 500\narrivals = "even"\nmax_in_flight = {places}'
        for words, places in (("4 in flight", 4), ("100,000 in flight", 100_000))
    }
    ghz_loads = (
        {"ghz, closed, 4 callers": ["--rps", 500], "ghz --async": ["--rps", 500, "--async"]}
        if bench.programs["ghz"]
        else {}
    )
    rows = []
    for name in [*ours, *ghz_loads]:
        rounds = []
        for repetition in range(bench.options.repetitions):
            print(f"  repetition {repetition + 1}: {name}", file=sys.stderr)
            with bench.server_core_awake(), bench.null_milvus() as server:
                if name in ours:
                    rounds.append(stalled_product(bench, server, ours[name]))
                else:
                    load = {
                        **message,
                        "in_flight": 4,
                        "connections": 1,
                        "more": [*ghz_loads[name], "-n", 5000],
                    }
                    rounds.append(stalled_ghz(bench, server, load))
        median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        cells = [
            f"{median[key]:,.1f} ({median['implied ' + key]:,.1f})" for key in ("p95", "p99", "max")
        ]
        within = (
            lambda one, key: abs(one[key] - one["implied " + key])
            <= STALL_SHARE * one["implied " + key] + STALL_MS
        )
        good = [all(within(one, key) for key in ("p95", "p99", "max")) for one in rounds]
        holds = all(within(median, key) for key in ("p95", "p99", "max")) and all(
            one["lost"] == 0 for one in rounds
        )
        said = [f"{sum(good)} of {len(good)}", verdict(holds)] if name in ours else ["", ""]
        rows.append([name, *cells, f"{sum(one['lost'] for one in rounds):,.0f}", *said])
    print_table(
        [
            "client",
            "p95 ms (schedule)",
            "p99 ms",
            "max ms",
            "not sent or failed",
            "rounds within 2 % + 5 ms",
            "bound",
        ],
        rows,
    )


def stop_for_a_second(process):
    """Stops the server in the middle of the load: seconds that it stood still."""
    time.sleep(4.0)
    os.kill(process.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGCONT)
    return time.monotonic() - stopped


def implied(stopped_s, rate=500, length_s=10):
    """Quantiles, milliseconds, of a schedule of which nothing is answered for a while: what is due
    then waits for the end."""
    waits = [max(0.0, stopped_s - slot / rate) * 1000 for slot in range(rate * length_s)]
    waits.sort()
    at = lambda share: waits[min(int(share * len(waits)), len(waits) - 1)]
    return {"implied p95": at(0.95), "implied p99": at(0.99), "implied max": waits[-1]}


def stalled_product(bench, server, load):
    folder = bench.file("run")
    path = scenario(bench, server[1], load, 0.01, length='duration = "10s"')
    process = bench.start(
        "milvus-bench",
        product_command(bench, path, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stopped = stop_for_a_second(server[0])
    process.wait()
    workload = product_result(folder)["workload"]
    found = {
        key: quantile(workload, "response_time_us", key) / 1000 for key in ("p95", "p99", "max")
    }
    requests = workload["requests"]
    return found | implied(stopped) | {"lost": requests["due"] - requests["ok"]}


def stalled_ghz(bench, server, load):
    out = bench.file("ghz.json")
    with open(out, "w") as stdout:
        process = bench.start(
            " ".join(map(str, load["more"])), ghz_command(bench, server[1], load), stdout=stdout
        )
        stopped = stop_for_a_second(server[0])
        process.wait()
    found = json.loads(out.read_text())
    quantiles = {
        entry["percentage"]: entry["latency"] / 1e6 for entry in found["latencyDistribution"]
    }
    lost = 5000 - found["statusCodeDistribution"].get("OK", 0)
    return {
        "p95": quantiles[95],
        "p99": quantiles[99],
        "max": found["slowest"] / 1e6,
        "lost": lost,
    } | implied(stopped)


def tracing(bench):
    """What tracing costs, the exporter running, the null Milvus taking the spans: rate and CPU
    against 0 %."""
    shares = {"0 %": 0, "1 %": 0.01, "10 %": 0.1, "100 %": 1}
    bounds = {"1 %": TRACING_AT_1}
    one = body(bench, 128)
    with bench.null_milvus() as server:

        def measure(name):
            load = {**one, "in_flight": 64, "connections": 1}
            found = closed_product(shares[name])(bench, server, load)
            export = found["run"]["export"]
            return {key: found[key] for key in ("per_second", "cpu_us", "busy")} | {
                key: export[key] for key in ("exported", "dropped")
            }

        found = interleaved(bench, shares, measure)
    base = found["0 %"]
    rows = []
    for name, result in found.items():
        loss = 1 - result["per_second"] / base["per_second"]
        bound = verdict(loss <= bounds[name]) if name in bounds else ""
        cells = [
            f"{result['per_second']:,.0f}",
            f"{loss:.1%}",
            f"{result['cpu_us']:.1f}",
            f"{result['cpu_us'] / base['cpu_us']:.2f}",
        ]
        rows.append(
            [
                name,
                *cells,
                f"{result['busy']:.0%}",
                f"{result['exported']:,.0f}",
                f"{result['dropped']:,.0f}",
                bound,
            ]
        )
    print_table(
        [
            "traced",
            "requests/s",
            "lost",
            "CPU us/request",
            "x 0 %",
            "core busy",
            "spans exported",
            "dropped",
            "bound",
        ],
        rows,
    )
    traced_rate(bench, one)


def traced_rate(bench, load):
    """The same at a steady rate: how much more of a core, and of the exporter's thread per span."""
    shares = {"0 %": 0, "100 %": 1}
    with bench.null_milvus() as (_, uri):

        def measure(name):
            rate = f'rate = {TRACED_RATE}\narrivals = "even"'
            path, folder = scenario(
                bench, uri, rate, shares[name], load["dim"]
            ), bench.file("run")
            process = bench.start(
                "milvus-bench",
                product_command(bench, path, folder),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            used = thread_cpu(process, "exporter")
            result = product_result(folder)
            shutil.rmtree(folder)
            export = result["run"]["export"]
            return {
                "per_second": result["per_second"],
                "busy": result["busy"],
                "exporter_us": used * 1e6 / max(export["exported"] + export["dropped"], 1),
                "exported": export["exported"],
                "dropped": export["dropped"],
            }

        found = interleaved(bench, shares, measure)
    none, every = found["0 %"], found["100 %"]
    more = every["busy"] - none["busy"]
    rows = [["0 %", f"{none['per_second']:,.0f}", f"{none['busy']:.1%}", "", "", "", "", ""]]
    holds = more <= TRACED_CORE and every["exporter_us"] <= EXPORTER_US
    cells = [
        f"{every['per_second']:,.0f}",
        f"{every['busy']:.1%}",
        f"{more:.1%}",
        f"{every['exporter_us']:.1f}",
    ]
    rows.append(
        ["100 %", *cells, f"{every['exported']:,.0f}", f"{every['dropped']:,.0f}", verdict(holds)]
    )
    print(f"At {TRACED_RATE:,} requests/s:\n")
    print_table(
        [
            "traced",
            "requests/s",
            "of the core",
            "more than 0 %",
            "exporter's us/span",
            "spans exported",
            "dropped",
            "bound",
        ],
        rows,
    )


def thread_cpu(process, name):
    """CPU seconds of the process' thread of that name, as last seen before the process ended."""
    used = 0.0
    while process.poll() is None:
        for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*"):
            with contextlib.suppress(OSError, IndexError, ValueError):
                if (task / "comm").read_text().strip() == name:
                    # Its first number is nanoseconds on a core, much finer than the ticks of
                    # `stat`.
                    used = max(used, int((task / "schedstat").read_text().split()[0]) / 1e9)
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"milvus-bench ended with {process.returncode}")
    return used


def memory(bench):
    """Resident memory at the end of the load, after a million and after ten million requests."""
    rows, at_end = [], {}
    with bench.null_milvus() as (_, uri):
        for requests in bench.options.requests:
            folder = bench.file("run")
            load, length = "concurrency = 64", f"requests = {requests}"
            path = scenario(bench, uri, load, '"auto"', length=length)
            process = bench.start(
                "milvus-bench",
                product_command(bench, path, folder),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            seen = resident(process)
            end = product_result(folder)["run"]["phases"][-1]["end"]["unix_ns"] / 1e9
            during = [mib for at, mib in seen if at <= end]
            at_end[requests] = during[-1]
            cells = [during[-1], max(during), max(mib for _, mib in seen)]
            rows.append([f"{requests:,}", *(f"{mib:.1f}" for mib in cells)])
            shutil.rmtree(folder)
    print_table(
        [
            "requests",
            "MiB at the load's end",
            "most during the load",
            "most until the report was written",
        ],
        rows,
    )
    spread = max(at_end.values()) - min(at_end.values())
    print(
        f"Difference at the load's end: {spread:.1f} MiB, "
        f"bound {MEMORY_MIB} MiB: {verdict(spread <= MEMORY_MIB)}\n"
    )


def resident(process):
    """(unix time, MiB) every 20 ms until the process has ended."""
    seen = []
    while process.poll() is None:
        with contextlib.suppress(OSError, TypeError):
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            seen.append((time.time(), int(re.search(r"VmRSS:\s*(\d+)", status)[1]) / 1024))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"milvus-bench ended with {process.returncode}")
    return seen


TABLES = {"cost": cost, "lag": lag, "stall": stall, "tracing": tracing, "memory": memory}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    numbers = {"type": int, "nargs": "+", "metavar": "N"}
    parser.add_argument(
        "--table", action="append", choices=TABLES, help="this table alone; may be given often"
    )
    parser.add_argument(
        "--repetitions",
        type=int,
        default=5,
        help="interleaved repetitions, of which medians are shown (5)",
    )
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement (5)")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument(
        "--dims",
        **numbers,
        default=[128, 768],
        help="dimensions of the searches of `cost` (128 768)",
    )
    parser.add_argument(
        "--in-flight", **numbers, default=[16, 64], help="requests in flight of `cost` (16 64)"
    )
    parser.add_argument(
        "--connections", **numbers, default=[1, 4], help="connections of `cost` (1 4)"
    )
    parser.add_argument(
        "--requests",
        **numbers,
        default=[1_000_000, 10_000_000],
        help="requests of `memory` (1000000 10000000)",
    )
    return parser.parse_args()


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="milvus-bench-engine-") as scratch:
        bench = Bench(options, scratch)
        print(*(f"{fact}  " for fact in machine()), sep="\n")
        print(
            f"medians of {options.repetitions} interleaved repetitions of {options.seconds:g} s; ",
            end="",
        )
        print(f"server on core {options.server_core}, client on core {options.client_core}\n")
        for name in options.table or TABLES:
            print(f"### {name}\n\n{TABLES[name].__doc__}\n", flush=True)
            bench.commands.clear()
            TABLES[name](bench)
            print("```text\n" + "\n".join(bench.commands.values()) + "\n```\n", flush=True)


if __name__ == "__main__":
    main()
