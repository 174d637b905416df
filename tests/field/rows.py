"""One row per input of tests/data/field/README.md: how it is run, and what must be seen."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Callable

from bench import free_port, one_line


@dataclass
class Row:
    name: str
    expected: str
    # Gives the problems (none: right) and what was seen, in words.
    run: Callable


class Checks:
    """Collects what is wrong; `seen` is what the row's line shows."""

    def __init__(self):
        self.problems, self.seen = [], []

    def that(self, right, what, result=None):
        if not right:
            self.problems.append(
                what
                if result is None
                else f"{what}\nexit code {result.code}\n{result.text.strip()[-3000:]}"
            )

    def says(self, result, *patterns):
        for pattern in patterns:
            match = re.search(pattern, " ".join(result.text.split()), re.IGNORECASE)
            self.that(match, f"nothing matches /{pattern}/", result)
            if match:
                self.seen.append(one_line(match.group(0), 100))

    def says_not(self, result, *patterns):
        for pattern in patterns:
            match = re.search(pattern, " ".join(result.text.split()), re.IGNORECASE)
            self.that(not match, f"/{pattern}/ is said", result)

    def code(self, result, *codes):
        self.that(result.code in codes, f"exit code is none of {codes}", result)
        self.seen.append(f"exit {result.code}")

    def done(self):
        return self.problems, "; ".join(self.seen)


def workload(result, name):
    return next(
        w for w in result.report()["workloads"] if w["workload"] == name and w["phase"] != "prepare"
    )


# The null Milvus' port in the inputs.
NULL = "_29530"


def flat(field):
    checks, on_real = Checks(), field.on_real()
    result = field.run(field.scenario("load/e01-flat.toml"), *on_real)
    checks.code(result, 0)
    checks.says_not(result, "brute force", "without an index")
    checks.says(result, r"p/search\s+\d+")
    return checks.done()


def rows_used_up(field):
    checks = Checks()
    result = field.run(field.scenario("load/i5.toml", **{NULL: field.null_milvus()}))
    checks.code(result, 0)
    ingest = workload(result, "ingest")
    checks.seen.append(f"throughput {ingest['rate']['throughput']:.0f}/s")
    # 200 requests over the planned six seconds are 33 a second.
    checks.that(ingest["rate"]["throughput"] > 100, f"rate is {ingest['rate']}", result)
    checks.says(result, "used up")
    return checks.done()


def nothing_due(field):
    checks = Checks()
    result = field.run(field.scenario("load/n4.toml", **{NULL: field.null_milvus()}))
    checks.says(result, "nothing was due")
    checks.says_not(result, "client-bound", "thread cpu")
    return checks.done()


def empty_replies(field):
    checks, on_real = Checks(), field.on_real()
    result = field.run(field.scenario("load/e02-empty.toml"), *on_real)
    checks.code(result, 0)
    checks.says(result, r"no rows?\b|empty")
    result = field.run(field.scenario("load/e03b-norows.toml"), *on_real)
    checks.code(result, 0)
    checks.says(result, r"no rows?\b|empty")
    for name in ("search", "query"):
        checks.that(
            re.search(rf"{name}\b.*(no rows?|empty)|(no rows?|empty).*{name}\b", result.text),
            f"{name} is not named",
            result,
        )
    return checks.done()


def vectors_per_second(field):
    checks, null = Checks(), field.null_milvus()
    folders = {}
    for nq in (1, 8):
        scenario = field.scenario("load/bp2.toml", **{NULL: null})
        results = field.inputs / f"nq-{nq}"
        result = field.bench(
            "run",
            scenario,
            "--results",
            results,
            "--repeat",
            3,
            "--accept-invalid",
            "--set",
            f"workloads.s.nq={nq}",
            "--set",
            "phases.p.duration=2s",
        )
        checks.code(result, 0)
        folders[nq] = [
            folder
            for folder in sorted(results.iterdir())
            if folder.is_dir() and not folder.is_symlink()
        ]
    result = field.bench(
        "compare",
        *[p for f in folders[8] for p in ("--baseline", f)],
        *[p for f in folders[1] for p in ("--run", f)],
    )
    checks.says(result, "vectors")
    checks.says_not(result, r"\bfaster\b")
    return checks.done()


def gates(field):
    checks = Checks()
    for name in ("r2", "r3"):
        result = field.bench("check", field.scenario(f"load/{name}.toml"))
        checks.code(result, 2)
        checks.says(result, r"recall\.mean[^;]*")
    on_real = field.on_real()
    result = field.run(
        field.scenario("load/e07-recall.toml"), *on_real, "--set", "phases.p.duration=2s"
    )
    checks.code(result, 0)
    checks.says(result, r"recall[^.]*(truth|k)[^.]*5")
    return checks.done()


# A file in the place of `base`, `queries` or `truth`: what the one sentence names, or None where
# the file is to be read.
FILES = [
    ("base", "base-be.fbin", "big-endian"),
    ("base", "base-crop.fbin", "40|cut|short|bytes"),
    ("base", "base-f64.fbin", "f64|64-bit|double|bytes"),
    ("base", "base-inf.fbin", "row 37|infinite|inf"),
    ("base", "base-nan.fbin", "row 37|not a number|NaN"),
    ("base", "base-long.fbin", "bytes|longer"),
    ("base", "base.u8bin", "u8bin|u8|8-bit"),
    ("base", "base.f16bin", "f16|16-bit|half"),
    ("base", "base.fvecs", "fvecs"),
    ("base", "base.npy", "npy|numpy"),
    ("base", "base.fbin.gz", "gzip"),
    ("base", "lfs.fbin", "Git LFS"),
    ("base", "empty.fbin", "empty"),
    ("base", "header-only.fbin", "no rows|0 rows|no vectors|0 vectors"),
    ("queries", "query-d7.fbin", "7"),
    ("queries", "query-nan.fbin", "not a number|NaN"),
    ("truth", "truth-ids-only.ibin", None),
    ("truth", "truth-padded.ibin", None),
    ("truth", "truth-dup.ibin", "twice|repeat"),
    ("truth", "truth-wrongn.ibin", "7"),
    ("truth", "truth-shift.ibin", "distance|neighbour|range"),
    ("truth", "truth-of-500.ibin", "range|rows"),
    ("truth", "truth-l2.ibin", "distance|COSINE|L2"),
    ("truth", "truth-sim.ibin", "simil|rising|distance"),
    # It is read; the neighbours in it are not those of COSINE.
    ("truth", "truth.ivecs", "COSINE"),
]


def data_files(field):
    checks, right = Checks(), 0
    for key, name, names in FILES:
        usual = {"base": "base.fbin", "queries": "query.fbin", "truth": "truth-cos.ibin"}[key]
        edit = lambda text: re.sub(
            rf'{key} = "data/{usual}"', f'{key} = "data/{name}"', text.split("[[thresholds]]")[0]
        )
        scenario = field.scenario("load/r2.toml", edit)
        result = field.bench("check", scenario, "--set", "workloads.search.limit=5")
        before = len(checks.problems)
        sentence = " ".join(result.err.split())
        if names is None:
            checks.that(result.code == 0, f"{name} as {key} is not read", result)
        else:
            checks.that(result.code == 2, f"{name} as {key}: exit code {result.code}", result)
            checks.that(
                (name in sentence or f".{key}`" in sentence)
                and re.search(names, sentence, re.IGNORECASE),
                f"{name} as {key} is not named",
                result,
            )
            checks.that(
                re.search(rf"\b{key}\b", sentence), f"{name}: the key {key} is not named", result
            )
        right += len(checks.problems) == before
    checks.seen.append(f"{right} of {len(FILES)} files answered rightly")
    return checks.done()


def lost_streams(field):
    checks, null = Checks(), field.null_milvus()
    scenario = field.scenario("load/bp.toml", **{NULL: null})
    bench = field.binaries / "milvus-bench"

    def complete(what, folder):
        status = json.loads((folder / "run.json").read_text())["status"]
        checks.that(status == "complete", f"{what}: the run is {status}")
        checks.that((folder / "report.json").exists(), f"{what}: there is no report.json")

    def shell(name, redirect, *codes):
        folder = field.inputs / f"pipes-{name}"
        done = subprocess.run(
            [
                "bash",
                "-c",
                f'set -o pipefail; "{bench}" run "{scenario}" --out "{folder}" '
                f"--accept-invalid {redirect}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
        complete(name, folder)
        checks.that("panicked" not in done.stdout + done.stderr, f"{name}: {done.stderr}")
        checks.that(done.returncode in codes, f"{name}: exit code {done.returncode}")
        checks.seen.append(f"{name}: exit {done.returncode}")

    shell("head", "2>&1 >/dev/null | head -2", 0)
    shell("stderr-full", "2>/dev/full", 0)
    shell("stdout-full", ">/dev/full", 2)
    folder = field.inputs / "pipes-hup"
    running = subprocess.Popen(
        [bench, "run", scenario, "--out", folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    requests = folder / "requests.jsonl"
    while time.monotonic() < deadline and not (
        requests.exists() and b'"s"' in requests.read_bytes()
    ):
        time.sleep(0.05)
    running.send_signal(1)
    _, err = running.communicate(timeout=300)
    status = json.loads((folder / "run.json").read_text())["status"]
    checks.that(
        status == "interrupted" and (folder / "report.json").exists(),
        f"SIGHUP: the run is {status}\n{err}",
    )
    checks.that(running.returncode not in (0, -1), f"SIGHUP: exit code {running.returncode}")
    checks.seen.append(f"SIGHUP: exit {running.returncode}, {status}")
    return checks.done()


def rate_limited_flush(field):
    checks, stack = Checks(), field.real()
    port = field.python("traces/gproxy.py", "ratelimit-flush", stack["milvus"].split("//")[1])
    result = field.run(
        field.scenario("traces/full.toml"), *field.on_real(f"http://127.0.0.1:{port}")
    )
    checks.code(result, 0)
    checks.says(result, "rate limit")
    return checks.done()


def released(field):
    checks, on_real = Checks(), field.on_real()
    result = field.run(field.scenario("traces/base.toml"), *on_real)
    checks.code(result, 0)
    call = field.inputs / "traces/call-here.py"
    call.write_text(field.with_ports((field.inputs / "traces/call.py").read_text()))
    subprocess.run(
        [sys.executable, call, "ReleaseCollection", "field_base"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    result = field.run(field.scenario("traces/reuse.toml"), *on_real)
    checks.code(result, 2)
    checks.says(result, "not loaded")
    checks.says_not(result, "milvus_101")
    return checks.done()


def no_database(field):
    checks, on_real, stack = Checks(), field.on_real(), field.real()
    scenario = field.scenario("traces/nodb.toml")
    result = field.run(scenario, *on_real)
    checks.code(result, 2)
    checks.says(result, r"database .{0,40}field_nodb|field_nodb.{0,60}database|database not found")
    result = field.bench(
        "doctor", scenario, "--spans", stack["jaeger_http"], "--otlp", stack["otlp"]
    )
    checks.code(result, 1)
    checks.says(result, r"field_nodb|database not found")
    return checks.done()


def jaeger_that_refuses(field):
    checks, on_real = Checks(), field.on_real()
    for mode in ("503", "429"):
        port = field.python("traces/jproxy.py", mode)
        sets = [
            "--set",
            "tracing.spans.source=jaeger-json",
            "--set",
            f"tracing.spans.endpoint=http://127.0.0.1:{port}",
            "--set",
            "tracing.spans.deadline=60s",
        ]
        result = field.run(field.scenario("traces/base.toml"), *on_real, *sets)
        checks.code(result, 0)
        join = workload(result, "search")["join"]
        checks.that(join["matched"] >= 0.95 * join["sampled"], f"{mode}: {join}", result)
        checks.seen.append(f"{mode}: matched {join['matched']} of {join['sampled']}")
    return checks.done()


def unknown_form(field):
    checks, on_real = Checks(), field.on_real()
    port = field.python("traces/fake_jaeger_v3_old.py")
    sets = [
        "--set",
        "tracing.spans.source=jaeger-json",
        "--set",
        f"tracing.spans.endpoint=http://127.0.0.1:{port}",
        "--set",
        "tracing.spans.deadline=8s",
    ]
    result = field.run(field.scenario("traces/base.toml"), *on_real, *sets)
    checks.code(result, 0, 3)
    checks.says(result, "too many outstanding requests|500")
    checks.says_not(result, r"Milvus (does not export|exports no|sends no)")
    result = field.bench(
        "doctor",
        "--uri",
        field.real()["milvus"],
        "--spans",
        f"http://127.0.0.1:{port}",
        "--otlp",
        field.real()["otlp"],
    )
    checks.code(result, 1)
    checks.says(result, "too many outstanding requests|500|form")
    return checks.done()


def pages(field):
    checks = Checks()
    for status in ("413", "404", "503"):
        port = field.python("traces/h2http.py", status)
        for result in (
            field.bench("doctor", "--uri", f"http://127.0.0.1:{port}"),
            field.run(
                field.scenario("traces/full.toml"),
                "--uri",
                f"http://127.0.0.1:{port}",
                "--wait",
                "2s",
            ),
        ):
            checks.that(result.code in (1, 2), f"{status}: exit code", result)
            checks.says(result, rf"HTTP( status)? {status}")
    return checks.done()


def embedded(field):
    checks, on_real = Checks(), field.on_real()
    checks.code(field.run(field.scenario("traces/base.toml"), *on_real), 0)
    listen = f"127.0.0.1:{free_port()}"
    pusher = field.inputs / "traces/embedpush-here.py"
    pusher.write_text(
        (field.inputs / "traces/embedpush.py").read_text().replace("127.0.0.1:27501", listen)
    )
    field.servers.append(
        subprocess.Popen(
            [sys.executable, pusher], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    )
    result = field.run(field.scenario("traces/embed.toml", _27501=listen))
    checks.says(
        result, r"refused[^.]*(encoding|deflate|compress)[^.]*|(encoding|deflate)[^.]*refused[^.]*"
    )
    checks.says(result, r"by HTTP at the OTLP/gRPC port")
    return checks.done()


def explicit_port(field):
    checks = Checks()
    result = field.bench("check", field.scenario("traces/ingress-https.toml"), "--resolved")
    checks.code(result, 0)
    checks.says(result, r"https://localhost:443/jaeger")
    return checks.done()


# Input, arguments of the TLS front before what it stands for, and what is said of the cause.
TLS = [
    (
        "tls-mtls-none",
        "server",
        ["ca.pem"],
        r"client('s)? certificate|certificate of the client|certificate required",
    ),
    ("tls-alpn-h1", "server", ["", "http/1.1"], r"ALPN|HTTP/2|\bh2\b"),
    ("tls-selfca", "selfca", [], r"CA:TRUE|authority|CaUsedAsEndEntity"),
    ("tls-wrongca", "server", [], r"unknown|not signed|signed by"),
    ("tls-good", "server", [], None),
]
# Sentences that would be wrong: the server does speak TLS, and the scenario does write https.
WRONG = [r"write https", r"does not speak TLS"]


def tls(field):
    checks, certs = Checks(), field.inputs / "tls/certs"
    upstream = field.null_milvus()
    for name, certificate, rest, cause in TLS:
        port = free_port()
        listen = f"127.0.0.1:{port}"
        front = [
            field.inputs / "tls/tlsproxy.bin",
            listen,
            upstream,
            certs / f"{certificate}.pem",
            certs / f"{certificate}.key",
        ]
        rest = [str(certs / part) if part.endswith(".pem") else part for part in rest]
        field.wait_for(port, field.start(*front, *rest))
        scenario = field.scenario(
            f"tls/{name}.toml", lambda text: re.sub(r"localhost:\d+", f"localhost:{port}", text)
        )
        quiet = ["--set", "tracing.export=off", "--set", "tracing.spans.source=none"]
        for what, result in (
            ("doctor", field.bench("doctor", scenario)),
            ("run", field.run(scenario, *quiet)),
        ):
            milvus = result.text if what == "run" else result.text.split("client to traces")[0]
            if cause is None:
                checks.that(
                    not re.search("no TLS connection", milvus)
                    and (what == "doctor" or result.code == 0),
                    f"{name}, {what}",
                    result,
                )
                continue
            checks.that(
                result.code != 0 and re.search(cause, milvus, re.IGNORECASE),
                f"{name}, {what}: no /{cause}/",
                result,
            )
            for wrong in WRONG:
                checks.that(not re.search(wrong, milvus), f"{name}, {what}: /{wrong}/", result)
        checks.seen.append(name)
    return checks.done()


def otlp_variable(field):
    checks, on_real = Checks(), field.on_real()
    variable = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    result = field.bench("check", field.scenario("traces/off.toml"), env=variable)
    checks.code(result, 0)
    checks.says(result, "OTEL_EXPORTER_OTLP_ENDPOINT")
    spans = ["--set", f"tracing.spans.endpoint={field.real()['jaeger_grpc']}"]
    result = field.run(field.scenario("traces/off.toml"), *spans, env=variable)
    checks.code(result, 0)
    checks.says(result, "OTEL_EXPORTER_OTLP_ENDPOINT")
    # A flag wins over the environment.
    result = field.run(
        field.scenario("traces/off.toml"), *spans, "--set", "tracing.export=off", env=variable
    )
    checks.that(
        result.info().get("export") is None, "--set tracing.export=off does not win", result
    )
    return checks.done()


def key_that_exists(field):
    checks, null = Checks(), field.null_milvus()
    result = field.bench("check", field.scenario("traces/grpc-key.toml"))
    checks.code(result, 2)
    checks.says(result, r"tracing\.spans\.grpc.{0,3} is not a key")
    web = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(web), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=field.inputs / "tls",
    )
    field.servers.append(server)
    field.wait_for(web, server)
    result = field.bench(
        "doctor",
        "--uri",
        f"http://{null}",
        "--spans",
        f"http://127.0.0.1:{web}",
        "--otlp",
        f"http://127.0.0.1:{web}",
    )
    checks.code(result, 1)
    checks.says_not(result, r"\bgrpc = ", r"tracing\.spans\.grpc")
    checks.says(result, r"\[tracing\.spans\] endpoint|--spans")
    return checks.done()


def exporter_words(field):
    checks, null = Checks(), field.null_milvus()
    port = field.python("traces/otlpsink.py", "exhausted")
    scenario = field.scenario("load/bp.toml", **{NULL: null})
    result = field.run(
        scenario,
        "--set",
        f"tracing.export=http://127.0.0.1:{port}",
        "--set",
        "tracing.sample_ratio=1.0",
        "--set",
        "phases.p.duration=1s",
    )
    checks.code(result, 0)
    checks.says(result, r"received message after decompression larger than max")
    return checks.done()


def changed_sampling(field):
    checks, stack = Checks(), field.real()
    for mode in ("unsample", "unsample-half", "new-trace", "strip-traceparent"):
        port = field.python("traces/gproxy.py", mode, stack["milvus"].split("//")[1])
        uri = f"http://127.0.0.1:{port}"
        result = field.run(
            field.scenario("traces/base.toml"),
            *field.on_real(uri),
            "--set",
            "tracing.spans.deadline=12s",
            "--set",
            "phases.steady.duration=2s",
        )
        checks.that(
            re.search(r"traceparent|sampled flag", result.text),
            f"{mode}: run does not name it",
            result,
        )
        # Of one that lets half pass a look at a few requests may see nothing.
        if mode != "unsample-half":
            result = field.bench(
                "doctor",
                "--uri",
                uri,
                "--spans",
                stack["jaeger_http"],
                "--otlp",
                stack["otlp"],
                "--deadline",
                12,
            )
            checks.that(
                re.search(r"traceparent|sampled flag", result.text),
                f"{mode}: doctor does not name it",
                result,
            )
        checks.seen.append(mode)
    return checks.done()


def negative_numbers(field):
    checks = Checks()
    result = field.run(field.scenario("load/s1.toml", **{NULL: field.null_milvus()}))
    checks.code(result, 0)
    result = field.bench("report", result.folder, "--report", "csv")
    checks.code(result, 0)
    checks.that(
        not re.search(r"(^|,)\"?'-\d", result.out, re.MULTILINE),
        "a number has a quote before it",
        result,
    )
    checks.seen.append("no number is quoted")
    return checks.done()


ROWS = [
    Row("e01-flat", "runs; no doubt about brute force", flat),
    Row("i5", "rates over the time that it ran", rows_used_up),
    Row("n4", "nothing was due, nobody is blamed", nothing_due),
    Row("e02-empty, e03b-norows", "replies without rows are counted and named", empty_replies),
    Row("bp2", "vectors/s, not faster by requests", vectors_per_second),
    Row("r2, r3, e07", "refused by check, or the reason said", gates),
    Row("data files", "each named as what it is, or read", data_files),
    Row("bp", "complete without stderr, stdout or terminal", lost_streams),
    Row("ratelimit-flush", "waits and goes on", rate_limited_flush),
    Row("reuse", "refused before the load", released),
    Row("nodb", "no such database, in run and doctor", no_database),
    Row("jproxy 503, 429", "goes on until the deadline", jaeger_that_refuses),
    Row("fake_jaeger_v3_old", "an unknown form is an error", unknown_form),
    Row("h2http 413, 404, 503", "HTTP status named", pages),
    Row("embed", "refused exports counted and named", embedded),
    Row("ingress-https", "443 is kept", explicit_port),
    Row("tls", "each its own cause", tls),
    Row("off", "works or warns", otlp_variable),
    Row("grpc-key", "no key that does not exist", key_that_exists),
    Row("otlpsink exhausted", "the server's words", exporter_words),
    Row("gproxy unsample", "named as a changed sampling decision", changed_sampling),
    Row("s1", "negative numbers stay numbers", negative_numbers),
]
