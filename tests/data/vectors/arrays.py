"""HDF5 files in the layout of ann-benchmarks."""

import zlib

import h5py
import numpy as np

ATTRIBUTES = ("type", "distance", "dimension", "point_type")


def attributes(file, distance, dim, kind="dense", point="float", keep=ATTRIBUTES, fixed=False):
    text = np.bytes_ if fixed else str
    values = dict(zip(ATTRIBUTES, (text(kind), text(distance), dim, text(point))))
    for name in keep:
        file.attrs[name] = values[name]


def ann(path, train, test, truth, distance, dtypes=("<i4", "<f4"), **options):
    """The usual file; options: libver, userblock_size, attrs (of `attributes`), create (of
    create_dataset)."""
    create, attrs = options.pop("create", {}), options.pop("attrs", {})
    with h5py.File(path, "w", **options) as file:
        attributes(file, distance, train.shape[1], **attrs)
        file.create_dataset("train", data=train, **create)
        file.create_dataset("test", data=test)
        if truth is not None:
            file.create_dataset("neighbors", data=truth[0].astype(dtypes[0]))
            file.create_dataset("distances", data=truth[1].astype(dtypes[1]))


def sparse_sets(path, train, test, truth, dim):
    """ann-benchmarks' sparse layout: sorted members of sets, one after the other, and their
    numbers."""
    with h5py.File(path, "w") as file:
        attributes(file, "jaccard", dim, "sparse", "bit")
        for name, rows in (("train", train), ("test", test)):
            members = [np.flatnonzero(row) for row in rows]
            file.create_dataset(name, data=np.concatenate(members).astype("<i8"))
            file.create_dataset(f"size_{name}", data=np.array([len(row) for row in members]))
        file.create_dataset("neighbors", data=truth[0].astype("<i8"))
        file.create_dataset("distances", data=truth[1].astype("<f8"))


def low_level(path, train, rest, libver, prepare, write=None):
    """A file whose data set `train` has properties that create_dataset cannot give."""
    with h5py.File(path, "w", libver=libver) as file:
        attributes(file, "euclidean", train.shape[1], fixed=True)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)
        prepare(properties)
        space = h5py.h5s.create_simple(train.shape)
        kind = h5py.h5t.py_create(train.dtype)
        made = h5py.Dataset(h5py.h5d.create(file.id, b"train", kind, space, properties))
        if write is None:
            made[...] = train
        else:
            write(made)
        for name, values in rest.items():
            file.create_dataset(name, data=values)


def variants(folder, train, test, truth):
    """The same rows and truth (L2) in every shape of storage that the library knows."""
    rest = {"test": test, "neighbors": truth[0].astype("<i4"), "distances": truth[1].astype("<f4")}

    def usual(name, train=train, attrs=None, **options):
        # Attributes of fixed length: each of variable length costs a heap of 4 KiB.
        options["attrs"] = attrs or {"fixed": True}
        path, queries = folder / f"{name}.hdf5", test.astype(train.dtype)
        ann(path, train, queries, truth, "euclidean", **options)

    filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    small = {"chunks": (2, 2)}
    for libver in ("earliest", "latest"):
        usual(f"contiguous-{libver}", libver=libver)
        # 96 chunks: more than one node of the first index holds.
        usual(f"chunked-{libver}", libver=libver, create={**small, **filters})
        grows = {"maxshape": (None, train.shape[1]), "chunks": (5, 3), **filters}
        usual(f"grows-{libver}", libver=libver, create=grows)
        usual(f"grows-both-{libver}", libver=libver, create={**grows, "maxshape": (None, None)})
        usual(f"one-chunk-{libver}", libver=libver, create={"chunks": train.shape, **filters})
    usual("unfiltered-latest", libver="latest", create=small)
    usual("edge-chunks", create={"chunks": (7, 5), **filters})
    usual("checksum", create={"chunks": (7, 5), **filters, "fletcher32": True})
    usual("lzf", create={"chunks": (7, 5), "compression": "lzf"})
    usual("userblock", userblock_size=512)
    usual("newest-dtypes", dtypes=("<i8", "<f8"), attrs={"keep": ATTRIBUTES})
    usual("f64", train.astype("<f8"))
    usual("f16", train.astype("<f2"))
    usual("big-endian", train.astype(">f4"), dtypes=(">i4", ">f4"))
    usual("u8", np.clip(np.round(train * 40 + 128), 0, 255).astype("u1"))
    usual("old-attributes", attrs={"keep": ("distance", "point_type")})
    usual("no-attributes", attrs={"keep": ()})
    ann(folder / "no-truth.hdf5", train, test, None, "euclidean", attrs={"fixed": True})

    low_level(folder / "compact.hdf5", train, rest, "earliest", set_compact)
    low_level(folder / "implicit.hdf5", train, rest, "latest", set_early)
    low_level(
        folder / "skipped-filter.hdf5", train, rest, "earliest", set_deflate, skip_one(train)
    )
    low_level(folder / "missing-chunks.hdf5", train, rest, "earliest", set_fill, first_half(train))


def set_compact(properties):
    properties.set_layout(h5py.h5d.COMPACT)


def set_early(properties):
    properties.set_chunk((8, 16))
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)


def set_deflate(properties):
    properties.set_chunk((8, 16))
    properties.set_deflate(6)


def set_fill(properties):
    properties.set_chunk((8, 16))
    properties.set_fill_value(np.array(0.5, "<f4"))


def skip_one(train):
    """Writes each chunk itself, the third one with its filter left out."""

    def write(made):
        for start in range(0, len(train), 8):
            block = np.ascontiguousarray(train[start : start + 8]).tobytes()
            skipped = start == 16
            data = block if skipped else zlib.compress(block, 6)
            made.id.write_direct_chunk((start, 0), data, filter_mask=int(skipped))

    return write


def first_half(train):
    """Writes the first 16 rows: the others are never allocated and read as the fill value."""

    def write(made):
        made[:16] = train[:16]

    return write


def refused(folder, train, test, truth):
    with h5py.File(folder / "one-dimension.hdf5", "w") as file:
        file.create_dataset("train", data=train[0])
        file.create_dataset("test", data=test)
    with h5py.File(folder / "other-names.hdf5", "w") as file:
        file.create_dataset("vectors", data=train)
    with h5py.File(folder / "strings.hdf5", "w") as file:
        file.create_dataset("train", data=[["a", "b"], ["c", "d"]])
    with h5py.File(folder / "group.hdf5", "w") as file:
        file.create_group("train")
    with h5py.File(folder / "compound.hdf5", "w") as file:
        file.create_dataset("train", data=np.zeros((2, 2), [("x", "<f4"), ("y", "<f4")]))
    attrs = {"attrs": {"fixed": True}}
    short, others = (truth[0][:2], truth[1][:2]), (truth[0] + 1000, truth[1])
    ann(folder / "dimensions.hdf5", train, test[:, :3], truth, "euclidean", **attrs)
    ann(folder / "short-truth.hdf5", train, test, short, "euclidean", **attrs)
    ann(folder / "truth-of-others.hdf5", train, test, others, "euclidean", **attrs)


def read(path):
    """(train, test, neighbors, distances), what is not there None; sets as bits."""
    with h5py.File(path) as file:
        parts = {name: item[...] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        if "size_train" in parts:
            for name in ("train", "test"):
                ends = np.cumsum(parts[f"size_{name}"])
                bits = np.zeros((len(ends), int(file.attrs["dimension"])), bool)
                for row, start, end in zip(bits, np.r_[0, ends], ends):
                    row[parts[name][start:end]] = True
                parts[name] = bits
    return [parts.get(name) for name in ("train", "test", "neighbors", "distances")]
