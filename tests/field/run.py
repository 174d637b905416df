"""Runs the rows of rows.py: one line each, and exit code 1 where one is wrong. Started by
tests/field.sh."""

import argparse
import sys
import traceback

import rows
from bench import Field


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of milvus-bench and examples/")
    parser.add_argument("--inputs", required=True, help="scratch copy of tests/data/field")
    parser.add_argument("rows", nargs="*", help="parts of row names; none: every row")
    arguments = parser.parse_args()
    chosen = [
        row
        for row in rows.ROWS
        if not arguments.rows or any(part in row.name for part in arguments.rows)
    ]
    passed = failed = 0
    with Field(arguments.bin, arguments.inputs) as field:
        for row in chosen:
            try:
                problems, seen = row.run(field)
            except Exception:
                problems, seen = [traceback.format_exc()], "an error of this script"
            finally:
                field.end_servers_of_row()
            print(
                f"{'ok  ' if not problems else 'FAIL'} {row.name} | "
                f"expected: {row.expected} | seen: {seen}",
                flush=True,
            )
            for problem in problems:
                print("     " + problem.replace("\n", "\n     "), flush=True)
            passed, failed = passed + (not problems), failed + bool(problems)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


sys.exit(main())
