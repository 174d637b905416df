"""Writes the vectors of this folder in every format, with exact truth, and MANIFEST.json.

    python3 -m venv venv
    venv/bin/pip install numpy==2.4.6 h5py==3.16.0 pyarrow==26.0.1
    venv/bin/python tests/data/vectors/make.py

The source is main/base.fbin and main/query.fbin (GloVe, see README.md); everything else is made
anew from them and from seeds, the same bytes each time.
"""

import hashlib
import json
import platform
import shutil
from pathlib import Path

import arrays
import dense
import h5py
import numpy as np
import pyarrow
import tables
import truth

OUT = Path(__file__).parent
MAIN, MINI = OUT / "main", OUT / "mini"
SOURCES = ("base.fbin", "query.fbin", "base-words.txt", "query-words.txt")
K, SPARSE_K, MINI_K = 20, 10, 6
FILES = {}


# ---- MANIFEST.json ----


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def part(rows, kind, ids=None):
    """Rows as they were read back from the file."""
    rows = np.asarray(rows)
    said = {"rows": len(rows), "dim": rows.shape[1], "type": kind}
    said["sha256"] = sha256(np.ascontiguousarray(rows.astype("<f4")).tobytes())
    if rows.dtype == bool:
        said["packed_sha256"] = sha256(np.packbits(rows, axis=1).tobytes())
    if ids is not None:
        said["ids_sha256"] = sha256(np.asarray(ids, "<i8").tobytes())
        order = np.argsort(ids)
        said["by_id_sha256"] = sha256(rows[order].astype("<f4").tobytes())
    return said


def truth_part(metric, ids, distances=None):
    lengths = [len(row) for row in ids]
    said = {"metric": metric, "queries": len(ids), "k": max(lengths)}
    if min(lengths) != max(lengths):
        said["lengths"] = lengths
    said["ids_sha256"] = sha256(np.concatenate(ids).astype("<i8").tobytes())
    if distances is not None:
        said["distances_sha256"] = sha256(np.concatenate(distances).astype("<f4").tobytes())
    return said


def note(path, form, **said):
    FILES[path.relative_to(OUT).as_posix()] = {"format": form, **said}


def word(dtype):
    dtype = np.dtype(dtype)
    letter = {"f": "f", "i": "i", "u": "u"}.get(dtype.kind)
    return "bool" if dtype == bool else f"{letter}{8 * dtype.itemsize}"


# ---- Sets ----


class Quantised:
    """The rows as whole numbers: linear between the least and the greatest value of the base."""

    def __init__(self, base):
        self.low, self.high = float(base.min()), float(base.max())

    def u8(self, rows):
        scaled = (rows.astype("<f8") - self.low) * 255 / (self.high - self.low)
        return np.clip(np.round(scaled), 0, 255).astype("u1")

    def i8(self, rows):
        return (self.u8(rows).astype("i2") - 128).astype("i1")


def sparse(rows, empty=None):
    """The values above 0.8 (of the absolute values), their indices far apart; none in `empty`."""
    return [
        [] if number == empty else [(37 * at + 5, abs(v)) for at, v in enumerate(row) if abs(v) > 0.8]
        for number, row in enumerate(np.asarray(rows, "<f4").tolist())
    ]


# ---- Files of the main set: 200 rows, 100 dimensions, 20 queries, 20 neighbours ----


def write_xbin(name, form, dtype, base, queries, metrics):
    for which, rows in (("base", base), ("query", queries)):
        path = MAIN / f"{which}.{form}"
        if path.name not in SOURCES:
            dense.xbin(path, rows.astype(dtype))
        read = dense.read_xbin(path, dtype)
        files = {m: f"main/truth-{name}{m.lower()}.ibin" for m in metrics}
        with_ = {} if which == "query" else {"queries": f"main/query.{form}", "truth": files}
        note(path, form, base=part(read, word(dtype)), **with_)
    for metric in metrics:
        path = MAIN / f"truth-{name}{metric.lower()}.ibin"
        dense.truth_bin(path, *truth.neighbours(base, queries, metric, K))
        note(path, "ibin", truth=truth_part(metric, *dense.read_truth_bin(path)))


def write_vecs(form, dtype, base, queries, ids):
    files = {"queries": f"main/query.{form}", "truth": {"L2": f"main/truth-{form}.ivecs"}}
    for which, rows in (("base", base), ("query", queries)):
        path = MAIN / f"{which}.{form}"
        dense.vecs(path, rows.astype(dtype))
        more = files if which == "base" else {}
        note(path, form, base=part(dense.read_vecs(path, dtype), word(dtype)), **more)
    path = MAIN / f"truth-{form}.ivecs"
    dense.vecs(path, ids.astype("<i4"))
    note(path, "ivecs", truth=truth_part("L2", dense.read_vecs(path, "<i4")))


def write_other_truths(base, queries):
    ids, distances = truth.neighbours(base, queries, "L2", K)
    dense.xbin(MAIN / "groundtruth.neighbors.ibin", ids.astype("<i4"))
    note(MAIN / "groundtruth.neighbors.ibin", "ibin without distances", truth=truth_part("L2", ids))
    dense.xbin(MAIN / "groundtruth.distances.fbin", distances.astype("<f4"))
    note(MAIN / "groundtruth.distances.fbin", "fbin", base=part(distances, "f32"))
    within = [row < 30 for row in distances]
    path = MAIN / "truth-l2.rangeres"
    lists = [[row[keep] for row, keep in zip(what, within)] for what in (ids, distances)]
    dense.range_truth(path, *lists)
    note(path, "rangeres", truth=truth_part("L2", *lists))


def write_npy(base, queries):
    ids, _ = truth.neighbours(base, queries, "COSINE", K)
    dense.npy(MAIN / "base.npy", base)
    dense.npy(MAIN / "query.npy", queries)
    dense.npy(MAIN / "truth-cosine.npy", ids.astype("<i4"))
    files = {"queries": "main/query.npy", "truth": {"COSINE": "main/truth-cosine.npy"}}
    note(MAIN / "base.npy", "npy", base=part(np.load(MAIN / "base.npy"), "f32"), **files)
    note(MAIN / "query.npy", "npy", base=part(np.load(MAIN / "query.npy"), "f32"))
    read = np.load(MAIN / "truth-cosine.npy")
    note(MAIN / "truth-cosine.npy", "npy", truth=truth_part("COSINE", read))


def note_hdf5(path, metric, of=None):
    """`of`: the rows that the truth is of, where a file may hold others."""
    train, test, ids, distances = arrays.read(path)
    said = {"base": part(train, word(train.dtype)), "queries": part(test, word(test.dtype))}
    if ids is not None:
        said["truth"] = truth_part(metric, ids, distances)
        if of is not None and not np.array_equal(train.astype("<f4"), of):
            said["truth"]["of_other_rows"] = True
    note(path, "hdf5", **said)


def write_bits(base, queries):
    """The signs of the first 96 values of each row, as bits."""
    bits, query_bits = base[:, :96] > 0, queries[:, :96] > 0
    packed, query_packed = (np.packbits(rows, axis=1) for rows in (bits, query_bits))
    files = {m: f"main/truth-bits-{m.lower()}.ibin" for m in ("HAMMING", "JACCARD")}
    said = {"bits": 96, "packed_sha256": sha256(packed.tobytes())}
    dense.xbin(MAIN / "base-bits.u8bin", packed)
    dense.xbin(MAIN / "query-bits.u8bin", query_packed)
    read = dense.read_xbin(MAIN / "base-bits.u8bin", "u1")
    more = {"queries": "main/query-bits.u8bin", "truth": files}
    note(MAIN / "base-bits.u8bin", "u8bin", base=part(read, "u8"), **said, **more)
    query_said = {"bits": 96, "packed_sha256": sha256(query_packed.tobytes())}
    read = dense.read_xbin(MAIN / "query-bits.u8bin", "u1")
    note(MAIN / "query-bits.u8bin", "u8bin", base=part(read, "u8"), **query_said)
    dense.npy(MAIN / "base-bits.npy", packed)
    note(MAIN / "base-bits.npy", "npy", base=part(np.load(MAIN / "base-bits.npy"), "u8"), **said)
    for metric, file in files.items():
        found = truth.neighbours(bits, query_bits, metric, K)
        dense.truth_bin(OUT / file, *found)
        note(OUT / file, "ibin", truth=truth_part(metric, *dense.read_truth_bin(OUT / file)))
        path = MAIN / f"{metric.lower()}.hdf5"
        if metric == "HAMMING":
            ids, distances = truth.neighbours(bits[:100], query_bits, metric, K)
            attrs = {"point": "bit"}
            parts = bits[:100], query_bits, (ids, distances / 96)
            arrays.ann(path, *parts, "hamming", attrs=attrs)
        else:
            few = bits[:24], query_bits[:6]
            arrays.sparse_sets(path, *few, truth.neighbours(*few, metric, MINI_K), 96)
        note_hdf5(path, metric)


def sparse_part(rows):
    pairs = [(index, value) for row in rows for index, value in row]
    data = np.array(pairs, [("index", "<u4"), ("value", "<f4")]).tobytes()
    counts = [len(row) for row in rows]
    said = {"rows": len(rows), "type": "sparse", "pairs": len(pairs), "sha256": sha256(data)}
    return {**said, "pairs_per_row_sha256": sha256(np.array(counts, "<u4").tobytes())}


def write_sparse(base, queries):
    folder = OUT / "sparse"
    folder.mkdir()
    rows, query_rows = sparse(base, empty=7), sparse(queries)
    columns = 37 * base.shape[1] + 100
    dense.csr(folder / "base.csr", rows, columns)
    # As in the public set, the queries' matrix ends with the greatest index that they have.
    query_columns = max(index for row in query_rows for index, _ in row) + 1
    dense.csr(folder / "queries.dev.csr", query_rows, query_columns)
    shuffled = [row[1::2] + row[::2] for row in rows]
    dense.csr(folder / "unsorted.csr", shuffled[:12], columns)
    matrices = [truth.sparse_rows(some, columns) for some in (rows, query_rows)]
    path = folder / "base.dev.gt"
    found = truth.neighbours(*matrices, "IP", SPARSE_K)
    # An index returns no row that shares nothing with the query: such rows may not be in the truth.
    assert found[1].min() > 0
    dense.truth_bin(path, *found)
    note(path, "ibin", truth=truth_part("IP", *dense.read_truth_bin(path)))
    files = {"queries": "sparse/queries.dev.csr", "truth": {"IP": "sparse/base.dev.gt"}}
    for name, more in (("base", files), ("queries.dev", {}), ("unsorted", {})):
        path = folder / f"{name}.csr"
        note(path, "csr", base=sparse_part(dense.read_csr(path)), **more)
    few = [[(index, float(str(np.float32(value)))) for index, value in row] for row in rows[:12]]
    ids = list(range(len(few)))
    shapes = {
        "objects": [{str(index): value for index, value in row} for row in few],
        "pairs": [[list(pair) for pair in row] for row in few],
        "lists": [
            {"indices": [i for i, _ in row], "values": [value for _, value in row]} for row in few
        ],
    }
    for name, values in shapes.items():
        path = folder / f"{name}.jsonl"
        tables.jsonl(path, {"id": ids, "sparse": values})
        note(path, "jsonl", base=sparse_part(few), column="sparse")


def write_jsonl(base, queries):
    words = (MAIN / "base-words.txt").read_text(encoding="utf-8").splitlines()
    values = tables.column_values(len(base), 16)
    keys = {"id": list(range(len(base))), "emb": [tables.numbers(row) for row in base]}
    more = {"word": words, **{name: values[name] for name in ("section", "rank", "tags", "meta")}}
    tables.jsonl(MAIN / "base.jsonl", {**keys, **more})
    ids = list(range(len(queries)))
    vectors = [tables.numbers(row) for row in queries]
    tables.jsonl(MAIN / "query.jsonl", {"id": ids, "emb": vectors})
    for name in ("base", "query"):
        note_jsonl(MAIN / f"{name}.jsonl")


def note_jsonl(path, **more):
    rows = tables.read_jsonl(path)
    note(path, "jsonl", base=part([row["emb"] for row in rows], "f32"), **more)


def filtered(base, queries, label, metric, k):
    """Truth files of VectorDBBench: all rows, those from an id on, those of a label."""
    ids, count = np.arange(len(base)), len(base)
    keep = {
        "neighbors.parquet": ids >= 0,
        "neighbors_head_1p.parquet": ids >= int(count * 0.01),
        "neighbors_tail_1p.parquet": ids >= int(count * 0.99),
        "neighbors_int_50p.parquet": ids >= int(count * 0.5),
        "neighbors_labels_label_20p.parquet": np.array(label) == "label_20p",
    }
    return {
        name: truth.neighbours(base[mask], queries, metric, k, ids[mask])[0]
        for name, mask in keep.items()
    }


def note_folder(path, files, truths, metric, column="neighbors_id", test="test.parquet"):
    read = [tables.read_parquet(path / name) for name in files]
    rows = np.array([row for some, _ in read for row in some])
    ids = [value.as_py() for _, table in read for value in table.column("id")]
    said = {"base": part(rows, "f32", ids), "files": list(files)}
    queries, _ = tables.read_parquet(path / test)
    said["queries"] = part(queries, "f32")
    found = {name: tables.read_parquet(path / name, column)[0] for name in truths}
    said["truth"] = {name: truth_part(metric, lists) for name, lists in found.items()}
    note(path, "vectordbbench", **said)


def write_folder(path, files, base, queries, metric, k):
    label = tables.labels(len(base), 17)
    truths = filtered(base, queries, label, metric, k)
    tables.folder(path, files, base, queries, truths, label)
    shown = [name for name in files if not name.startswith("train-")]
    note_folder(path, shown, truths, metric)


# ---- Files of the mini set: 24 rows, 16 dimensions, 6 queries, 6 neighbours ----


def write_mini_npy(base):
    folder = MINI / "npy"
    folder.mkdir(parents=True)
    exact = np.array([[float(str(value)) for value in row] for row in base])
    whole = np.round(base * 40)

    def scaled(factor):
        return np.round(exact * factor)

    kinds = {
        "f32": base, "f32-big": base.astype(">f4"), "f32-fortran": np.asfortranarray(base),
        "f64": exact, "f64-big": exact.astype(">f8"), "f64-fortran": np.asfortranarray(exact),
        "f16": base.astype("<f2"), "f16-big": base.astype(">f2"),
        "i8": whole.astype("i1"), "u8": (whole + 128).astype("u1"),
        "i16": (whole * 99).astype("<i2"), "u16": (whole + 300).astype("<u2"),
        "i32": scaled(1e8).astype("<i4"), "i32-big": scaled(1e8).astype(">i4"),
        "u32": abs(scaled(1e9)).astype("<u4"), "i64": scaled(1e15).astype("<i8"),
        "u64": abs(scaled(1e15)).astype("<u8"), "bool": base > 0,
        "f16-special": specials("<f2"), "f32-special": specials("<f4"),
        "f64-special": specials("<f8"),
    }  # fmt: skip
    for name, array in kinds.items():
        note_npy(folder / f"{name}.npy", array)
    for version in ((2, 0), (3, 0)):
        note_npy(folder / f"version-{version[0]}.npy", base, version)
    other = "{'shape': (24, 16), 'fortran_order': False, 'descr': '<f4'}"
    for name, header, align in (
        ("other-order", other, 16),
        ("no-padding", other, 1),
        ("python2", other.replace("24,", "24L,").replace("16)", "16L)"), 16),
        ("trailing-comma", other.replace("}", ", }"), 64),
    ):
        dense.npy_of_header(folder / f"{name}.npy", header, base, align)
        note(folder / f"{name}.npy", "npy", base=part(np.load(folder / f"{name}.npy"), "f32"))
    halves = dense.bfloat16(base)
    dense.npy(folder / "bf16-as-u16.npy", halves)
    header = "{'descr': '<V2', 'fortran_order': False, 'shape': (24, 16), }"
    dense.npy_of_header(folder / "bf16-as-void.npy", header, halves, 64)
    for name in ("bf16-as-u16", "bf16-as-void"):
        read = np.load(folder / f"{name}.npy").view("<u2")
        note(folder / f"{name}.npy", "npy", base=part(dense.from_bfloat16(read), "bf16"))


def specials(dtype):
    """Values that a conversion to another width must round or keep: ties, subnormals, zeros."""
    values = [
        [0.0, -0.0, 1 + 2**-24, 1 + 2**-23 + 2**-24, 1 + 2**-11, 1 + 3 * 2**-11, 65504.0, 2**-24],
        [1e-45, -1e-40, 3.4e38, 0.1, 1 / 3, 2**-14, 2**-25 * 1.5, 1 + 2**-8],
    ]
    with np.errstate(over="ignore"):
        made = np.array(values).astype(dtype)
    return np.nan_to_num(made, posinf=1.0)


def note_npy(path, array, version=None):
    dense.npy(path, array, version)
    read = np.load(path)
    order = {"order": "fortran"} if np.isfortran(read) else {}
    big = {"endian": "big"} if read.dtype.byteorder == ">" else {}
    note(path, "npy", base=part(read, word(read.dtype)), **order, **big)


def write_mini_refused_npy(folder, base):
    kinds = {
        "one-dimension": base[0], "three-dimensions": base[:4].reshape(4, 4, 4),
        "complex": base[:2].astype("<c8"), "dates": np.zeros((2, 2), "<M8[s]"),
        "texts": np.array([["a", "b"]]), "structured": np.zeros((2, 2), [("x", "<f4")]),
        "no-rows": base[:0], "no-dimensions": base[:, :0],
    }  # fmt: skip
    for name, array in kinds.items():
        dense.npy(folder / f"{name}.npy", array)
    (folder / "objects.npy").write_bytes(dense.npy_of_objects())


def write_mini_jsonl(base):
    folder = MINI / "jsonl"
    folder.mkdir()
    ids, vectors = list(range(len(base))), [tables.numbers(row) for row in base]
    rows = {"id": ids, "emb": vectors}
    tables.jsonl(folder / "crlf.jsonl", rows, end="\r\n")
    tables.jsonl(folder / "no-last-end.jsonl", rows, last=False)
    whole = np.round(base * 40).astype(int).tolist()
    tables.jsonl(folder / "whole-numbers.jsonl", {**rows, "emb": whole})
    text = (folder / "no-last-end.jsonl").read_text()
    (folder / "blank-lines.jsonl").write_text(text.replace("\n", "\n\n  \n") + "\n\n")
    (folder / "bom.jsonl").write_text("\ufeff" + text)
    (folder / "spaces.jsonl").write_text(text.replace(",", " , ").replace(":", " :\t"))
    lines = ['{"emb":%s,"id":%d}' % (json.dumps([f"{v:.7e}" for v in row]).replace('"', ""), number)
             for number, row in enumerate(base.tolist())]  # fmt: skip
    (folder / "exponents.jsonl").write_text("\n".join(lines) + "\n")
    for path in sorted(folder.glob("*.jsonl")):
        note_jsonl(path)
    bits = np.packbits(base > 0, axis=1)
    tables.jsonl(folder / "bits.jsonl", {"id": ids, "emb": bits.tolist()})
    note_jsonl(folder / "bits.jsonl", bits=base.shape[1], packed_sha256=sha256(bits.tobytes()))


def write_mini_refused_jsonl(folder, base):
    good = ['{"id":0,"emb":[0.5,1.5]}', '{"id":1,"emb":[2.5,3.5]}']
    for name, third in (
        ("ragged", '{"id":2,"emb":[4.5]}'),
        ("nan", '{"id":2,"emb":[NaN,1.0]}'),
        ("text-in-vector", '{"id":2,"emb":["4.5",1.0]}'),
        ("missing-key", '{"id":2}'),
        ("null-vector", '{"id":2,"emb":null}'),
        ("half-a-line", '{"id":2,"emb":[4.5,'),
        ("not-an-object", "[2,[4.5,5.5]]"),
        ("too-large", '{"id":2,"emb":[1e39,1.0]}'),
    ):
        (folder / f"{name}.jsonl").write_text("\n".join([*good, third]) + "\n")


def write_mini_parquet(base):
    folder = MINI / "parquet"
    folder.mkdir()
    tables.variants(folder, base)
    for path in sorted(folder.glob("*.parquet")):
        column = "vector" if path.stem == "named" else "emb"
        rows, table = tables.read_parquet(path, column)
        kind = table.column(column).type.value_type
        kind = word(kind.to_pandas_dtype())
        note(path, "parquet", base=part(rows, kind), column=column)
    tables.columns(folder, base, 18)
    rows, table = tables.read_parquet(folder / "columns.parquet")
    columns = {field.name: str(field.type) for field in table.schema}
    note(folder / "columns.parquet", "parquet", base=part(rows, "f32"), columns=columns)
    note_jsonl(folder / "columns.jsonl")


def write_mini_folders(base, queries):
    order = np.random.default_rng(19).permutation(len(base))
    half = len(base) // 2
    ids = np.arange(len(base))
    shuffled = {
        "shuffle_train-00-of-02.parquet": order[:half],
        "shuffle_train-01-of-02.parquet": order[half:],
    }
    split = {"train-00-of-02.parquet": ids[:half], "train-01-of-02.parquet": ids[half:]}
    write_folder(MINI / "vectordbbench", {**split, **shuffled}, base, queries, "L2", MINI_K)
    one = {"shuffle_train.parquet": order}
    write_folder(MINI / "vectordbbench-shuffled", one, base, queries, "COSINE", MINI_K)
    many = {f"train-{n:02}-of-11.parquet": ids[n::11] for n in range(11)}
    path = MINI / "vectordbbench-split"
    label = tables.labels(len(base), 17)
    found = truth.neighbours(base, queries, "L2", MINI_K)[0]
    tables.folder(path, many, base, queries, {"neighbors.parquet": found}, label)
    note_folder(path, many, ["neighbors.parquet"], "L2")
    path = MINI / "multimodal" / "data"
    unit, unit_queries = (r / np.linalg.norm(r, axis=1)[:, None] for r in (base, queries))
    parts = {f"train-{n:05}-of-00002.parquet": ids[n * half : (n + 1) * half] for n in range(2)}
    for name, some in parts.items():
        tables.train(path / name, some, unit[some])
    tables.train(path / "test-00000-of-00001.parquet", range(len(queries)), unit_queries)
    found = truth.neighbours(unit, unit_queries, "IP", MINI_K)[0]
    tables.neighbors(path / "neighbors.parquet", found, name="neighbors")
    test = "test-00000-of-00001.parquet"
    note_folder(path, parts, ["neighbors.parquet"], "IP", "neighbors", test)


def write_mini_hdf5(base, queries):
    folder = MINI / "hdf5"
    folder.mkdir()
    found = truth.neighbours(base, queries, "L2", MINI_K)
    roots = (found[0], np.sqrt(found[1]))
    arrays.variants(folder, base, queries, roots)
    for word_, metric in (("angular", "COSINE"), ("normalized", "COSINE"), ("ip", "IP")):
        path = folder / f"distance-{word_}.hdf5"
        found = truth.neighbours(base, queries, metric, MINI_K)
        arrays.ann(path, base, queries, found, word_, attrs={"fixed": word_ != "angular"})
        note_hdf5(path, metric)
    for path in sorted(folder.glob("*.hdf5")):
        if not path.stem.startswith("distance-"):
            note_hdf5(path, "L2", base)
    return roots


def write_odd(base):
    """Sound files whose values are worth a remark of `data info`."""
    folder = MINI / "odd"
    folder.mkdir()
    nan, twice, zero = base.copy(), base.copy(), base.copy()
    nan[3, 5], nan[4, 0], nan[5, 1] = np.nan, np.inf, -np.inf
    twice[10:15] = base[0:5]
    zero[7] = 0
    for name, rows in (("not-finite", nan), ("duplicates", twice), ("zero-row", zero)):
        dense.xbin(folder / f"{name}.fbin", rows)
        note(folder / f"{name}.fbin", "fbin", base=part(rows, "f32"))


def write_refused(base, queries, roots):
    """Files that look right and are not; each is to be answered by one sentence."""
    folder = OUT / "refused"
    folder.mkdir()
    write_mini_refused_npy(folder, base)
    write_mini_refused_jsonl(folder, base)
    arrays.refused(folder, base[:6], queries, roots)
    tables.refused(folder, base)
    for path in sorted(folder.iterdir()):
        note(path, path.suffix[1:], refused=True)


def write_mini(base, queries):
    write_mini_npy(base)
    write_mini_jsonl(base)
    write_mini_parquet(base)
    write_mini_folders(base, queries)
    roots = write_mini_hdf5(base, queries)
    write_odd(base)
    write_refused(base, queries, roots)


def write_main(base, queries):
    write_xbin("", "fbin", "<f4", base, queries, ("L2", "IP", "COSINE"))
    quantised = Quantised(base)
    write_xbin("u8-", "u8bin", "u1", quantised.u8(base), quantised.u8(queries), ("L2",))
    write_xbin("i8-", "i8bin", "i1", quantised.i8(base), quantised.i8(queries), ("L2", "COSINE"))
    halves, query_halves = base.astype("<f2"), queries.astype("<f2")
    write_xbin("f16-", "f16bin", "<f2", halves, query_halves, ("COSINE",))
    ids, _ = truth.neighbours(base, queries, "L2", K)
    write_vecs("fvecs", "<f4", base, queries, ids)
    whole = quantised.u8(base), quantised.u8(queries)
    write_vecs("bvecs", "u1", *whole, truth.neighbours(*whole, "L2", K)[0])
    write_other_truths(base, queries)
    write_npy(base, queries)
    found = truth.neighbours(base, queries, "COSINE", K)
    arrays.ann(MAIN / "angular.hdf5", base, queries, found, "angular")
    note_hdf5(MAIN / "angular.hdf5", "COSINE")
    write_bits(base, queries)
    write_sparse(base, queries)
    write_jsonl(base, queries)
    train = {"train.parquet": np.arange(len(base))}
    write_folder(MAIN / "vectordbbench", train, base, queries, "COSINE", K)


def clear():
    for path in OUT.iterdir():
        if path.name in ("mini", "sparse", "refused"):
            shutil.rmtree(path)
    for path in MAIN.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in SOURCES:
            path.unlink()


def main():
    clear()
    base, queries = (dense.read_xbin(MAIN / name, "<f4") for name in SOURCES[:2])
    write_main(base, queries)
    write_mini(base[:24, :16].copy(), queries[:6, :16].copy())
    made_by = {
        "python": platform.python_version(), "numpy": np.__version__, "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version, "pyarrow": pyarrow.__version__,
    }  # fmt: skip
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(FILES[name])}" for name in sorted(FILES)
    )
    text = f'{{"made_by": {json.dumps(made_by)},\n"files": {{\n{lines}\n}}}}\n'
    (OUT / "MANIFEST.json").write_text(text)
    total = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(f"{len(FILES)} entries, {total} bytes")


if __name__ == "__main__":
    main()
