#!/usr/bin/env python3
"""Holds report.json and report.hgrm of a run against what the HdrHistogram libraries of Java and
Python read in its latency.hlog.

    compare.py RUN HDRHISTOGRAM_JAR

Needs Java 11 and the PyPI package `hdrhistogram`. Ends with 1 where anything differs.
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def blocks(text):
    """The blocks of report.hgrm by name, cut as docs/reference/run-folder.md says."""
    found, name = {}, None
    for line in text.splitlines():
        line = line.removeprefix("#|").removeprefix(" ") if line.startswith("#|") else line
        if line.startswith("# ") and line.endswith(" ok, milliseconds"):
            name = line.split()[1]
        elif name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def output(*command):
    return subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True
    ).stdout


def main():
    run, jar = pathlib.Path(sys.argv[1]), sys.argv[2]
    report = json.loads((run / "report.json").read_text())
    distributions = blocks((run / "report.hgrm").read_text())
    equal = True
    for workload in report["workloads"]:
        if workload["phase"] == "prepare":
            continue
        for figure in ["response_time", "service_time"]:
            quantiles = workload[figure + "_us"]
            if quantiles is None:
                continue
            stage = workload.get("stage")
            tag = "/".join(
                [workload["phase"], stage or "measured", workload["workload"], figure, "ok"]
            )
            name = "/".join(
                [workload["phase"], *([stage] if stage else []), workload["workload"], figure]
            )
            ours = {
                key: round(quantiles[key]["value"] * 1000)
                for key in ["p50", "p90", "p99", "p99.9", "max"]
            }
            readers = {
                "report.json": {"count": workload["requests"]["ok"]} | ours,
                "python": json.loads(output(sys.executable, HERE / "read.py", run, tag)),
                "java": json.loads(output("java", "-cp", jar, HERE / "Read.java", run, tag)),
            }
            for reader, found in readers.items():
                print(
                    f"{tag:45} {reader:12}", *(f"{key} {value:>9}" for key, value in found.items())
                )
            lines = output("java", "-cp", jar, HERE / "Read.java", run, tag, "hgrm")
            same = readers["report.json"] == readers["python"] == readers["java"]
            same_lines = distributions[name] == lines
            print(
                f"{tag:45} {'equal' if same else 'DIFFERENT'}; {lines.count(chr(10))} lines of "
                f"hgrm {'equal' if same_lines else 'DIFFERENT'}"
            )
            equal = equal and same and same_lines
    sys.exit(not equal)


main()
