#!/usr/bin/env python3
"""Adds up the lines of one tag of a run's latency.hlog with PyPI `hdrhistogram`, and prints what it
holds as JSON, in nanoseconds.

read.py RUN TAG      e.g. read.py results/latest alone/measured/search/response_time/ok
"""

import json
import math
import pathlib
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def read(run, tag):
    total = HdrHistogram(1, 3_600_000_000_000, 3)
    log = HistogramLogReader(str(pathlib.Path(run) / "latency.hlog"), total)
    while histogram := log.get_next_interval_histogram():
        if histogram.get_tag() == tag:
            total.add(histogram)
    return total


def at(histogram, quantile):
    # This library rounds q x n to the nearest rank, those of Rust and Java round up. Asked for a
    # share that is a whole rank, it gives the value of that rank; the slack keeps 0.99 x 100 =
    # 99.00000000000001 from becoming rank 100.
    count = histogram.get_total_count()
    rank = max(1, math.ceil(quantile * count - 1e-9))
    return histogram.get_value_at_percentile(100 * rank / count)


def main():
    histogram = read(*sys.argv[1:3])
    found = {"count": histogram.get_total_count()}
    found |= {key: at(histogram, quantile) for key, quantile in QUANTILES.items()}
    print(json.dumps(found | {"max": histogram.get_max_value()}))


main()
