"""Starts the servers of a row on free ports, runs milvus-bench beside them, and ends whatever was
started."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

# How long anything may take before it counts as hung; far above what a busy machine needs.
DEADLINE_S = 300


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def one_line(text, most=160):
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


class Result:
    """What one call of milvus-bench gave."""

    def __init__(self, code, out, err, folder=None):
        self.code, self.out, self.err, self.folder = code, out, err, folder

    @property
    def text(self):
        return self.out + "\n" + self.err

    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    def info(self):
        return json.loads((self.folder / "run.json").read_text())


class Field:
    def __init__(self, binaries, inputs):
        self.binaries, self.inputs = (
            pathlib.Path(binaries).resolve(),
            pathlib.Path(inputs).resolve(),
        )
        self.servers, self.stack_process, self.stack, self.runs = [], None, None, 0

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        self.end_servers_of_row()
        if self.stack_process:
            self.stack_process.stdin.close()
            try:
                self.stack_process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.stack_process.kill()

    def end_servers_of_row(self):
        for server in self.servers:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        self.servers.clear()

    def real(self):
        """Addresses of a real Milvus and Jaeger, started by the first row that asks."""
        if self.stack is None:
            self.stack_process = subprocess.Popen(
                [self.binaries / "examples/real_stack", self.inputs / "stack"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            line = self.stack_process.stdout.readline()
            if not line:
                raise RuntimeError(
                    "the real Milvus and Jaeger could not be started; their starter says why above"
                )
            self.stack = json.loads(line)
        return self.stack

    def start(self, *command, ready=None, env=None):
        """Starts a server that ends with the row; waits for a line that matches `ready`, and gives
        its match."""
        server = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )
        self.servers.append(server)
        while ready:
            line = server.stdout.readline()
            if not line:
                raise RuntimeError(f"{command} ended before it was ready")
            if match := re.search(ready, line):
                return match
        return server

    def null_milvus(self, *options):
        """`127.0.0.1:PORT` of a Milvus that answers every call and does no work."""
        return self.start(
            self.binaries / "examples/null_milvus", *options, ready=r"listening on (\S+)"
        ).group(1)

    def python(self, program, *arguments, port=None):
        """Port of one of the inputs' Python servers; waits until it accepts connections."""
        port = port or free_port()
        text = self.with_ports((self.inputs / program).read_text())
        file = self.inputs / f"{program}.{port}.py"
        file.write_text(text)
        server = subprocess.Popen(
            [sys.executable, file, str(port), *arguments], stdout=subprocess.DEVNULL
        )
        self.servers.append(server)
        self.wait_for(port, server)
        return port

    def wait_for(self, port, server):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with socket.socket() as client:
                client.settimeout(5)
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nothing listens on {port}")
            time.sleep(0.05)

    def with_ports(self, text, **ports):
        """The inputs name the usual ports; they get those of this run."""
        if self.stack:
            for usual, name in (
                ("19530", "milvus"),
                ("16685", "jaeger_grpc"),
                ("16686", "jaeger_http"),
                ("4317", "otlp"),
            ):
                text = text.replace(f"127.0.0.1:{usual}", self.stack[name].split("//")[1])
        for usual, port in ports.items():
            text = text.replace(f"127.0.0.1:{usual[1:]}", str(port)).replace(
                f"localhost:{usual[1:]}", str(port).replace("127.0.0.1", "localhost")
            )
        return text

    def scenario(self, name, edit=lambda text: text, **ports):
        """A copy of an input with the ports of this run, beside the files that it names. `ports`:
        `_29530="127.0.0.1:40000"`."""
        self.runs += 1
        source = self.inputs / name
        copy = source.with_name(f"{source.stem}-{self.runs}.toml")
        copy.write_text(edit(self.with_ports(source.read_text(), **ports)))
        return copy

    def bench(self, *arguments, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        """One call of milvus-bench."""
        command = [str(self.binaries / "milvus-bench"), *[str(argument) for argument in arguments]]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            timeout=DEADLINE_S,
            env=os.environ | (env or {}),
            cwd=self.inputs,
        )
        return Result(done.returncode, done.stdout or "", done.stderr or "")

    def run(self, scenario, *arguments, env=None, **streams):
        """`run` into a folder of its own. A machine that is busy makes the client late; that is not
        what is looked at here."""
        self.runs += 1
        folder = self.inputs / f"run-{self.runs}"
        result = self.bench(
            "run", scenario, "--out", folder, "--accept-invalid", *arguments, env=env, **streams
        )
        result.folder = folder
        return result

    def on_real(self, uri=None):
        """Arguments that name the real servers' addresses; `uri`: of what stands before Milvus."""
        stack = self.real()
        sets = {"tracing.spans.endpoint": stack["jaeger_grpc"], "tracing.export": stack["otlp"]}
        return [
            "--uri",
            uri or stack["milvus"],
            *[part for key, value in sets.items() for part in ("--set", f"{key}={value}")],
        ]
