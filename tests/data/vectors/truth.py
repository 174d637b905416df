"""Exact neighbours by brute force, in 64-bit floats over the values that a file holds."""

import numpy as np


def l2(base, query):
    return ((base - query) ** 2).sum(axis=1)


def ip(base, query):
    return (base * query).sum(axis=1)


def cosine(base, query):
    return 1 - ip(base, query) / (np.sqrt((base**2).sum(axis=1)) * np.sqrt((query**2).sum()))


def hamming(base, query):
    return (base != query).sum(axis=1)


def jaccard(base, query):
    both = np.minimum(base, query).sum(axis=1)
    either = np.maximum(base, query).sum(axis=1)
    return 1 - both / np.maximum(either, 1)


METRICS = {"L2": l2, "IP": ip, "COSINE": cosine, "HAMMING": hamming, "JACCARD": jaccard}


def neighbours(base, queries, metric, k, ids=None):
    """(ids, distances) in the order of (distance, id); for IP in that of (greatest product, id)."""
    base, queries = np.asarray(base, np.float64), np.asarray(queries, np.float64)
    ids = np.arange(len(base)) if ids is None else np.asarray(ids)
    found, distances = [], []
    for query in queries:
        distance = METRICS[metric](base, query).astype(np.float64)
        order = np.lexsort((ids, -distance if metric == "IP" else distance))[:k]
        found.append(ids[order])
        distances.append(distance[order])
    return np.array(found), np.array(distances)


def sparse_rows(rows, columns):
    dense = np.zeros((len(rows), columns))
    for dense_row, row in zip(dense, rows):
        for index, value in row:
            dense_row[index] = np.float32(value)
    return dense
