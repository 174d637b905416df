#!/usr/bin/env python3
"""Does `compare` cry wolf? Comparisons of three runs against three equal ones, on a Milvus that is
up.

    benches/equal.py SCENARIO --comparisons 20 -- --set phases.alone.duration=6s

Runs are made in turns (baseline, run, baseline, ...), so that what drifts is on both sides. What
stands after `--` goes to every run. Prints a line for each comparison and how many of them reported
a difference. With --change, its `--set` is given to the second side alone, and a comparison should
report it.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("scenario")
    arguments.add_argument("--program", default="target/release/milvus-bench")
    arguments.add_argument("--comparisons", type=int, default=20)
    arguments.add_argument("--change", help="KEY=VALUE of the second side alone")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given = arguments.parse_args(sys.argv[1:end])
    given.more = sys.argv[end + 1 :]
    differing = 0
    for number in range(1, given.comparisons + 1):
        with tempfile.TemporaryDirectory(prefix="equal-") as scratch:
            folder = pathlib.Path(scratch)
            for _ in range(3):
                run(given, folder / "baseline", [])
                run(given, folder / "run", ["--set", given.change] if given.change else [])
            found = compare(given.program, folder)
        differing += bool(found)
        print(f"{number:3d}  {'; '.join(found) or 'no difference shown'}", flush=True)
    print(f"{differing} of {given.comparisons} comparisons reported a difference")


def run(given, results, more):
    command = [
        given.program,
        "run",
        given.scenario,
        "--quiet",
        "--accept-invalid",
        "--results",
        str(results),
        *more,
        *given.more,
    ]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}")


def compare(program, folder):
    command = [
        program,
        "compare",
        "--baseline",
        str(folder / "baseline"),
        "--run",
        str(folder / "run"),
        "--report",
        "json",
    ]
    comparison = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    rows = [(row, figure) for row in comparison["workloads"] for figure in row["figures"]]
    return [
        f"{row['at']} {figure['figure']} {figure['key']} {figure['result']} {figure['ratio']:.3f}"
        for row, figure in rows
        if figure["result"] in ("slower", "faster")
    ]


if __name__ == "__main__":
    main()
