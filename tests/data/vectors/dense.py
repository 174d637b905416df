"""Files of fixed layout: fbin and its kin, fvecs and its kin, csr, npy."""

import io

import numpy as np


def bfloat16(values):
    """The upper halves of 32-bit floats, rounded to nearest, ties to even, as u16."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def from_bfloat16(halves):
    return (halves.astype("<u4") << 16).view("<f4")


def xbin(path, rows):
    """big-ann-benchmarks: u32 rows, u32 dimension, then the rows."""
    with path.open("wb") as file:
        np.array(rows.shape, "<u4").tofile(file)
        np.ascontiguousarray(rows).tofile(file)


def read_xbin(path, dtype):
    shape = np.fromfile(path, "<u4", count=2).astype(np.int64)
    values = np.fromfile(path, dtype, offset=8)
    return values.reshape(shape)


def truth_bin(path, ids, distances):
    """big-ann-benchmarks: u32 queries, u32 k, then the i32 ids, then the f32 distances."""
    with path.open("wb") as file:
        np.array(ids.shape, "<u4").tofile(file)
        ids.astype("<i4").tofile(file)
        distances.astype("<f4").tofile(file)


def read_truth_bin(path):
    queries, k = np.fromfile(path, "<u4", count=2).astype(np.int64)
    ids = np.fromfile(path, "<i4", offset=8, count=queries * k).reshape(queries, k)
    distances = np.fromfile(path, "<f4", offset=8 + ids.nbytes).reshape(queries, k)
    return ids, distances


def range_truth(path, ids, distances):
    """big-ann-benchmarks' truth of range search: counts, ids and distances, lists of any length."""
    with path.open("wb") as file:
        np.array([len(ids), sum(map(len, ids))], "<i4").tofile(file)
        np.array([len(row) for row in ids], "<i4").tofile(file)
        np.concatenate(ids).astype("<i4").tofile(file)
        np.concatenate(distances).astype("<f4").tofile(file)


def vecs(path, rows):
    """TEXMEX: before each row its dimension as i32."""
    rows = np.ascontiguousarray(rows)
    with path.open("wb") as file:
        for row in rows:
            np.array([len(row)], "<i4").tofile(file)
            row.tofile(file)


def read_vecs(path, dtype):
    data = np.fromfile(path, np.uint8)
    dim = int(data[:4].view("<i4")[0])
    rows = data.reshape(-1, 4 + dim * np.dtype(dtype).itemsize)[:, 4:]
    return np.ascontiguousarray(rows).view(dtype)


def csr(path, rows, columns):
    """big-ann-benchmarks' sparse matrix; a row is a list of (index, value)."""
    with path.open("wb") as file:
        counts = [len(row) for row in rows]
        np.array([len(rows), columns, sum(counts)], "<i8").tofile(file)
        np.concatenate([[0], np.cumsum(counts)]).astype("<i8").tofile(file)
        np.array([index for row in rows for index, _ in row], "<i4").tofile(file)
        np.array([value for row in rows for _, value in row], "<f4").tofile(file)


def read_csr(path):
    count, _, pairs = np.fromfile(path, "<i8", count=3)
    starts = np.fromfile(path, "<i8", offset=24, count=count + 1)
    indices = np.fromfile(path, "<i4", offset=24 + starts.nbytes, count=pairs)
    values = np.fromfile(path, "<f4", offset=24 + starts.nbytes + indices.nbytes)
    assert len(values) == pairs == starts[-1]
    pair = list(zip(indices.tolist(), values.tolist()))
    return [sorted(pair[a:b]) for a, b in zip(starts, starts[1:])]


def npy(path, array, version=None):
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.asanyarray(array), version=version)


def npy_of_header(path, header, array, align=16):
    """Format 1.0 with a header as written by others: other orders of keys, other paddings."""
    length = -(10 + len(header) + 1) % align + len(header) + 1
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little"))
        file.write(header.encode().ljust(length - 1) + b"\n")
        file.write(array.tobytes())


def npy_of_objects():
    """A pickle within an npy file: nothing but Python reads it."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1.0, "a"], [2.0, "b"]], dtype=object), allow_pickle=True)
    return buffer.getvalue()
