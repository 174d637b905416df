"""Parquet and JSON lines, as VectorDBBench and others have them."""

import datetime
import decimal
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FLOATS = pa.list_(pa.field("element", pa.float32()))


def vectors(rows, kind=FLOATS):
    values = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
    if pa.types.is_float16(kind.value_type):
        values = [[np.float16(value) for value in row] for row in rows]
    return pa.array(values, kind)


def write(path, columns, **options):
    options = {"compression": "zstd", **options}
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)


def train(path, ids, rows, kind=FLOATS, more=None, **options):
    columns = {"id": pa.array(ids, pa.int64()), "emb": vectors(rows, kind), **(more or {})}
    write(path, columns, **options)


def neighbors(path, ids, k=None, name="neighbors_id"):
    lists = [list(map(int, row[:k])) for row in ids]
    query_ids = pa.array(range(len(lists)), pa.int64())
    write(path, {"id": query_ids, name: pa.array(lists, pa.list_(pa.int64()))})


def labels(count, seed):
    """VectorDBBench's labels: that of p percent of the rows is `label_{p}p`."""
    of = np.random.default_rng(seed).permutation(count)
    names = np.full(count, "label_5p", dtype=object)
    for name, part in (("label_50p", 0.5), ("label_20p", 0.7), ("label_10p", 0.8)):
        names[(of < part * count) & (names == "label_5p")] = name
    return names.tolist()


def folder(path, files, base, queries, truths, label):
    """A folder of VectorDBBench: `files` maps names to the ids of their rows, in order."""
    for name, ids in files.items():
        # A dictionary of values that do not repeat only makes the larger file larger.
        train(path / name, ids, base[ids], use_dictionary=len(base) < 100)
    train(path / "test.parquet", range(len(queries)), queries)
    for name, ids in truths.items():
        neighbors(path / name, ids)
    scalar = {"id": pa.array(range(len(base)), pa.int64()), "labels": pa.array(label)}
    write(path / "scalar_labels.parquet", scalar)


def variants(path, base):
    """The same rows in every type and encoding of the column."""
    ids = list(range(len(base)))

    def one(name, rows=base, kind=FLOATS, **options):
        train(path / f"{name}.parquet", ids, rows, kind, **options)

    for codec in ("none", "snappy", "zstd", "lz4", "gzip", "brotli"):
        one(codec, compression=codec, row_group_size=7)
    one("double", np.array([[float(str(value)) for value in row] for row in base]),
        pa.list_(pa.float64()))  # fmt: skip
    one("large-list", kind=pa.large_list(pa.float32()))
    one("fixed-list", kind=pa.list_(pa.float32(), base.shape[1]))
    one("half", base.astype("<f2"), pa.list_(pa.float16()))
    whole = np.clip(np.round(base * 40), -128, 127)
    one("int8", whole.astype("i1"), pa.list_(pa.int8()))
    one("uint8", (whole + 128).astype("u1"), pa.list_(pa.uint8()))
    one("int64", whole.astype("i8"), pa.list_(pa.int64()))
    plain = {"use_dictionary": False}
    one("dictionary", whole, use_dictionary=["emb.list.element"])
    one("pages", data_page_size=64, write_batch_size=8, **plain)
    one("pages-v2", data_page_version="2.0", data_page_size=64, write_batch_size=8, **plain)
    one("split-bytes", use_byte_stream_split=["emb.list.element"], **plain)
    delta = {"id": "DELTA_BINARY_PACKED", "emb.list.element": "BYTE_STREAM_SPLIT"}
    one("delta", column_encoding=delta, **plain)
    one("item", kind=pa.list_(pa.field("item", pa.float32())), use_compliant_nested_type=False)
    one("checksums", write_page_checksum=True, write_page_index=True)
    required = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field(
                "emb", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False
            ),
        ]
    )
    arrays = [pa.array(ids, pa.int64()), vectors(base, required.field("emb").type)]
    write(path / "required.parquet", pa.Table.from_arrays(arrays, schema=required))
    for name, values in (
        ("id-int32", pa.array(ids, pa.int32())),
        ("id-uint64", pa.array(ids, pa.uint64())),
        ("id-string", pa.array([f"row-{number}" for number in ids])),
    ):
        write(path / f"{name}.parquet", {"id": values, "emb": vectors(base)})
    write(path / "no-id.parquet", {"emb": vectors(base)})
    other = {"vector": vectors(base), "other": vectors(base[::-1])}
    write(path / "named.parquet", {"key": pa.array(ids, pa.int64()), **other})


def refused(path, base):
    rows = [row.tolist() for row in base[:4]]
    for name, third in (
        ("ragged", rows[2][:-1]),
        ("null-row", None),
        ("null-value", [None, *rows[2][1:]]),
        ("empty-row", []),
    ):
        train(path / f"{name}.parquet", range(4), [*rows[:2], third, rows[3]])
    write(path / "not-a-list.parquet", {"id": pa.array([1, 2]), "emb": pa.array([0.5, 1.5])})
    write(path / "texts.parquet", {"id": pa.array([1]), "emb": pa.array([["a", "b"]])})


def column_values(count, seed):
    """Scalar columns as JSON has them, by name; None is null."""
    draw = np.random.default_rng(seed)
    sections = ["world", "sport", "arts", "größe ☕"]

    def some(values, every):
        return [None if number % every == every - 1 else v for number, v in enumerate(values)]

    return {
        "section": [sections[n] for n in draw.integers(0, 4, count)],
        "title": some([f"title {n}" for n in range(count)], 5),
        "rank": list(range(1, count + 1)),
        "views": some([int(n) for n in draw.integers(-(2**62), 2**62, count)], 7),
        "year": some([1990 + n % 30 for n in range(count)], 3),
        "level": [n % 100 - 50 for n in range(count)],
        "fresh": some([bool(n) for n in draw.integers(0, 2, count)], 4),
        "price": some([round(float(x), 3) for x in draw.normal(10, 5, count)], 6),
        "score": [float(np.float32(x)) for x in draw.random(count)],
        "nothing": [None] * count,
        "tags": [
            None if n % 8 == 7 else [f"t{x}" for x in range(n % 4)] for n in range(count)
        ],
        "counts": [[int(x) for x in draw.integers(-9, 9, n % 3)] for n in range(count)],
        "meta": [{"a": n, "b": [1.5, None] if n % 8 == 0 else {}} for n in range(count)],
    }  # fmt: skip


COLUMN_TYPES = {
    "section": pa.string(), "title": pa.large_string(), "rank": pa.int64(), "views": pa.int64(),
    "year": pa.int16(), "level": pa.int8(), "fresh": pa.bool_(), "price": pa.float64(),
    "score": pa.float32(), "nothing": pa.int64(), "tags": pa.list_(pa.string()),
    "counts": pa.list_(pa.int64()),
}  # fmt: skip


def columns(path, base, seed):
    """Parquet and JSON lines with the same columns; the first has also types that JSON lacks."""
    count = len(base)
    values = column_values(count, seed)
    start = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)
    times = [None if n % 9 == 8 else start + datetime.timedelta(hours=n) for n in range(count)]
    shown = [json.dumps(value, separators=(",", ":")) for value in values["meta"]]
    arrays = {name: pa.array(values[name], kind) for name, kind in COLUMN_TYPES.items()}
    more = {
        "meta": pa.array(shown),
        "struct": pa.array([{"x": n, "y": None} for n in range(count)],
                           pa.struct([("x", pa.int64()), ("y", pa.string())])),
        "kind": pa.array(values["section"]).dictionary_encode(),
        "at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "at_ns": pa.array(times, pa.timestamp("ns")),
        "at_ms": pa.array(times, pa.timestamp("ms")),
        "day": pa.array([None if t is None else t.date() for t in times], pa.date32()),
        "exact": pa.array([decimal.Decimal(n) / 4 for n in range(count)], pa.decimal128(10, 2)),
        "blob": pa.array([bytes([n, 255]) for n in range(count)], pa.binary()),
        "unsigned": pa.array([2**64 - 1 - n for n in range(count)], pa.uint64()),
        "all_null": pa.nulls(count),
    }  # fmt: skip
    train(path / "columns.parquet", range(count), base, more={**arrays, **more}, row_group_size=9)
    keys = {"id": list(range(count)), "emb": [numbers(row) for row in base], **values}
    jsonl(path / "columns.jsonl", keys)


def numbers(row):
    """The shortest decimals that are these 32-bit floats."""
    return [float(str(value)) for value in np.asarray(row, "<f4")]


def jsonl(path, columns, end="\n", last=True):
    names, text = list(columns), []
    for row in zip(*columns.values()):
        items = dict(zip(names, row))
        text.append(json.dumps(items, ensure_ascii=False, separators=(",", ":")))
    path.write_bytes((end.join(text) + (end if last else "")).encode())


def read_parquet(path, column="emb"):
    table = pq.read_table(path)
    return [np.array(row.as_py()) for row in table.column(column)], table


def read_jsonl(path):
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [json.loads(line) for line in lines if line.strip()]
