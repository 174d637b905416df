"""Writes the requests that two versions of pymilvus build, without a server, as golden bytes.

    python3 -m venv v26 && v26/bin/pip install pymilvus==2.6.17 protobuf==7.36.2 ml_dtypes==0.6.0
    python3 -m venv v30 && v30/bin/pip install pymilvus==3.0.2 protobuf==7.36.2 ml_dtypes==0.6.0
    python3 tests/data/wire/make.py v26/bin/python v30/bin/python

Called so, it starts itself once by each of them (with --emit) and compares what both write: bytes
that are the same stand once, as NAME.bin, others as NAME.bin (2.6) and NAME.3.0.bin.
"""

import json
import subprocess
import sys
from pathlib import Path

OUT = Path(__file__).parent

# Keys of a field: those of pymilvus' add_field, with names of types; `default` is default_value.
ID = {"name": "id", "type": "INT64", "is_primary": True}


def vector(kind, dim=None, name="vector", **more):
    field = {"name": name, "type": kind, **more}
    return field if dim is None else {**field, "dim": dim}


FLOAT = vector("FLOAT_VECTOR", 4)
SCALARS = [
    {"name": "flag", "type": "BOOL"},
    {"name": "tiny", "type": "INT8"},
    {"name": "small", "type": "INT16"},
    {"name": "number", "type": "INT32"},
    {"name": "large", "type": "INT64"},
    {"name": "single", "type": "FLOAT"},
    {"name": "real", "type": "DOUBLE"},
    {"name": "text", "type": "VARCHAR", "max_length": 200},
    {"name": "meta", "type": "JSON"},
]
ARRAYS = [
    {"name": f"{name}s", "type": "ARRAY", "element_type": kind, "max_capacity": 8, **more}
    for name, kind, more in [
        ("flag", "BOOL", {}),
        ("tiny", "INT8", {}),
        ("number", "INT32", {}),
        ("large", "INT64", {}),
        ("single", "FLOAT", {}),
        ("real", "DOUBLE", {}),
        ("text", "VARCHAR", {"max_length": 50}),
    ]
]
DEFAULTS = {
    "flag": True, "tiny": -1, "small": 300, "number": 70000, "large": 2**40, "single": 0.5,
    "real": 0.1, "text": "none",
}  # fmt: skip

COLLECTIONS = {
    "float": {"fields": [ID, FLOAT]},
    "float16": {"fields": [ID, vector("FLOAT16_VECTOR", 4)]},
    "bfloat16": {"fields": [ID, vector("BFLOAT16_VECTOR", 4)]},
    "int8": {"fields": [ID, vector("INT8_VECTOR", 4)]},
    "binary": {"fields": [ID, vector("BINARY_VECTOR", 16)]},
    "sparse": {"fields": [ID, vector("SPARSE_FLOAT_VECTOR")]},
    "several": {
        "fields": [
            ID,
            vector("FLOAT_VECTOR", 4, "title_vector"),
            vector("BINARY_VECTOR", 8, "hash"),
            vector("SPARSE_FLOAT_VECTOR", name="words"),
        ]
    },
    "scalars": {"fields": [ID, *SCALARS, FLOAT]},
    "arrays": {"fields": [ID, *ARRAYS, FLOAT]},
    "nullable": {
        "fields": [ID, *({**field, "nullable": True} for field in SCALARS + ARRAYS), FLOAT]
    },
    "nullable_vectors": {
        "fields": [
            ID,
            *(
                vector(kind, dim, name, nullable=True)
                for kind, dim, name in [
                    ("FLOAT_VECTOR", 4, "f32"),
                    ("FLOAT16_VECTOR", 4, "f16"),
                    ("BFLOAT16_VECTOR", 4, "bf16"),
                    ("INT8_VECTOR", 4, "i8"),
                    ("BINARY_VECTOR", 8, "bits"),
                    ("SPARSE_FLOAT_VECTOR", None, "sparse"),
                ]
            ),
        ]
    },
    "defaults": {
        "fields": [
            ID,
            *({**field, "default": DEFAULTS[field["name"]]} for field in SCALARS[:-1]),
            {**SCALARS[3], "name": "both", "default": 7, "nullable": True},
            FLOAT,
        ]
    },
    "dynamic": {"fields": [ID, FLOAT], "enable_dynamic_field": True},
    "tenants": {
        "fields": [
            ID,
            {"name": "tenant", "type": "VARCHAR", "max_length": 64, "is_partition_key": True},
            FLOAT,
        ],
        "num_partitions": 16,
    },
    "text_key": {
        "fields": [{"name": "id", "type": "VARCHAR", "max_length": 64, "is_primary": True}, FLOAT]
    },
    "auto_id": {"fields": [{**ID, "auto_id": True}, SCALARS[3], FLOAT]},
    "everything": {
        "fields": [
            {**ID, "description": "key"},
            {**SCALARS[7], "is_partition_key": True, "mmap_enabled": True},
            {**SCALARS[3], "nullable": True, "default": 0, "is_clustering_key": True},
            {**ARRAYS[6], "nullable": True, "mmap_enabled": False},
            {**SCALARS[8], "nullable": True},
            {**FLOAT, "mmap_enabled": True},
            vector("SPARSE_FLOAT_VECTOR", name="words"),
        ],
        "description": "all options",
        "enable_dynamic_field": True,
        "properties": {"mmap.enabled": "true", "collection.ttl.seconds": "3600"},
        "shards_num": 2,
        "num_partitions": 64,
        "consistency_level": "Bounded",
    },
}

# The third row has values that a 16-bit type must round: to even, up, down, to a subnormal.
VECTORS = [
    [0.5, -1.0, 2.25, 0.0],
    [1e-3, 4.0, -0.125, 8.0],
    [1.00048828125, 1.00390625, 0.1, 6.1e-5],
]
SPARSE_VECTORS = [[[3, 0.5], [1, 0.25], [70000, 1.0]], [[4294967294, 2.0]], [[0, 0.1]]]
BITS = [[0, 255], [1, 128], [170, 85]]
VECTOR_ROWS = {
    "float": VECTORS,
    "float16": VECTORS,
    "bfloat16": VECTORS,
    "int8": [[0, 1, -1, 127], [-128, 5, 6, 7], [1, 2, 3, 4]],
    "binary": BITS,
    "sparse": SPARSE_VECTORS,
}

SCALAR_ROWS = [
    {
        "flag": True, "tiny": -128, "small": -32768, "number": -2147483648,
        "large": -9223372036854775808, "single": 0.1, "real": 0.1, "text": "",
        "meta": {"a": 1, "b": [1.5, None, "x"], "c": {"d": True}},
    },
    {
        "flag": False, "tiny": 127, "small": 32767, "number": 2147483647,
        "large": 9223372036854775807, "single": -0.0, "real": 1e300, "text": "Zürich \"☕\"\n",
        "meta": {"größe": "☕", "n": 9007199254740993},
    },
    {
        "flag": False, "tiny": 0, "small": 0, "number": 0, "large": 0, "single": 0.0, "real": 0.0,
        "text": "plain", "meta": {},
    },
]  # fmt: skip
ARRAY_ROWS = [
    {
        "flags": [True, False], "tinys": [-128, 127], "numbers": [1, -1], "larges": [2**62, 0],
        "singles": [0.5, 0.1], "reals": [0.1], "texts": ["a", "", "ü"],
    },
    {
        "flags": [], "tinys": [], "numbers": [], "larges": [], "singles": [], "reals": [],
        "texts": [],
    },
    {
        "flags": [False], "tinys": [0], "numbers": [0], "larges": [-1], "singles": [0.0],
        "reals": [-0.0], "texts": ["b"],
    },
]  # fmt: skip
# Each null stands once as null and once as a key that is not there, both are the same on the wire.
# `flag` and `numbers` are null in all rows, `text` and `texts` in none.
NULLABLE_ROWS = [
    {**SCALAR_ROWS[0], **ARRAY_ROWS[0], "flag": None, "numbers": None, "tiny": None, "meta": None},
    {"text": "only", "texts": ["t"]},
    {**SCALAR_ROWS[1], **ARRAY_ROWS[2], "flag": None, "numbers": None, "large": None},
]


def rows(*parts):
    """Rows of several lists of columns, with ids 1, 2, ... and vectors unless there are others."""
    made = []
    for number, row in enumerate(zip(*parts)):
        row = {key: value for part in row for key, value in part.items()}
        made.append({"id": number + 1, "vector": VECTORS[number], **row})
    return made


def write_cases():
    """(case, collection, rows, more) of every insert and upsert."""
    for name, values in VECTOR_ROWS.items():
        yield "insert", name, rows([{"vector": value} for value in values]), {}
        yield "upsert", name, rows([{"vector": value} for value in values]), {}
    for name in ("float16", "bfloat16"):
        made = rows([{"vector": value} for value in VECTORS])
        yield "insert", name, made, {"as": "floats"}
    yield "insert", "sparse", rows([{"vector": v} for v in SPARSE_VECTORS]), {"as": "columns"}
    yield "insert", "float", rows([{}]), {"partition": "p1"}
    several = [
        {"title_vector": VECTORS[n], "hash": BITS[n][:1], "words": SPARSE_VECTORS[n]}
        for n in range(2)
    ]
    yield "insert", "several", [{"id": n + 1, **row} for n, row in enumerate(several)], {}
    for name, made in (("scalars", SCALAR_ROWS), ("arrays", ARRAY_ROWS)):
        yield "insert", name, rows(made), {}
        yield "upsert", name, rows(made), {}
    yield "insert", "nullable", rows(NULLABLE_ROWS), {}
    yield "insert", "nullable", rows(NULLABLE_ROWS), {"as": "columns"}
    yield "upsert", "nullable", rows(NULLABLE_ROWS), {}
    full = {
        "f32": VECTORS[0], "f16": VECTORS[0], "bf16": VECTORS[0], "i8": [1, 2, 3, 4],
        "bits": [129], "sparse": [[5, 0.5]],
    }  # fmt: skip
    nulls = [{"id": 1}, {"id": 2, **full}, {"id": 3, **{key: None for key in full}}]
    yield "insert", "nullable_vectors", nulls, {}
    yield "insert", "nullable_vectors", nulls[:1], {"as": "nulls"}
    given = {**DEFAULTS, "both": 1}
    yield "insert", "defaults", rows([given, {}, {"both": None, "number": None}]), {}
    dynamic = [{"color": "red", "size": 3}, {}, {"deep": {"x": [1, 2.5]}, "größe": None}]
    yield "insert", "dynamic", rows(dynamic), {}
    yield "upsert", "dynamic", rows(dynamic), {}
    yield "insert", "tenants", rows([{"tenant": "tenant_0001"}, {"tenant": "tenant_0002"}]), {}
    yield "insert", "text_key", rows([{"id": "a"}, {"id": "ü"}]), {}
    without = [{k: v for k, v in row.items() if k != "id"} for row in rows([{}, {}])]
    yield "insert", "auto_id", [{"number": 1, **row} for row in without], {}


SEARCHES = {
    "float": {"metric_type": "COSINE", "params": {"ef": 64}},
    "float16": {"metric_type": "L2", "params": {}},
    "bfloat16": {"metric_type": "IP", "params": {}},
    "int8": {"metric_type": "L2", "params": {"ef": 64}},
    "binary": {"metric_type": "HAMMING", "params": {"nprobe": 8}},
    "sparse": {"metric_type": "IP", "params": {"drop_ratio_search": 0.2}},
}


def search_cases():
    """(collection, queries, arguments) of every search."""
    for name, param in SEARCHES.items():
        more = {"param": param, "limit": 10}
        yield "one", name, VECTOR_ROWS[name][:1], more
        yield "three", name, VECTOR_ROWS[name], more
    more = {
        "param": {"metric_type": "L2", "params": {"ef": 2000000}},
        "limit": 1000000,
        "filter": "id >= 5 and id < 9",
        "output_fields": ["id", "vector"],
        "partition_names": ["p1"],
        "consistency_level": "Eventually",
    }
    yield "options", "float", VECTORS[:1], more


INDEXES = {
    "binary": ("vector", {"index_type": "BIN_FLAT", "metric_type": "JACCARD", "params": {}}),
    "sparse": (
        "vector",
        {
            "index_type": "SPARSE_INVERTED_INDEX",
            "metric_type": "IP",
            "params": {"inverted_index_algo": "DAAT_MAXSCORE"},
        },
    ),
    "int8": (
        "vector",
        {"index_type": "HNSW", "metric_type": "L2", "params": {"M": 16, "efConstruction": 200}},
    ),
    "scalars": ("text", {"index_type": "INVERTED"}),
}


def cases():
    """Every case with its inputs, as cases.json has it, without the file names."""
    for name in COLLECTIONS:
        yield {"name": f"create-{name}", "message": "CreateCollectionRequest", "collection": name}
    for call, name, made, more in write_cases():
        tail = "".join(f"-{value}" for value in more.values())
        message = {"insert": "InsertRequest", "upsert": "UpsertRequest"}[call]
        case = {"name": f"{call}-{name}{tail}", "message": message, "collection": name, **more}
        yield {**case, "rows": made}
    for kind, name, queries, more in search_cases():
        case = {"name": f"search-{name}-{kind}", "message": "SearchRequest", "collection": name}
        yield {**case, "field": "vector", **more, "queries": queries}
    for name, (field, params) in INDEXES.items():
        case = {"name": f"index-{name}", "message": "CreateIndexRequest", "collection": name}
        yield {**case, "field": field, "index_name": f"{field}_index", **params}


class Emitter:
    """Builds the requests with the pymilvus of this interpreter."""

    def __init__(self):
        import ml_dtypes
        import numpy
        from pymilvus import CollectionSchema, DataType, FieldSchema
        from pymilvus.client import abstract, prepare, ts_utils
        from pymilvus.grpc_gen import milvus_pb2, schema_pb2

        self.types, self.prepare = DataType, prepare.Prepare
        self.collection, self.field = CollectionSchema, FieldSchema
        self.described, self.ts_utils = abstract.CollectionSchema, ts_utils
        self.milvus, self.schema = milvus_pb2, schema_pb2
        self.elements = {
            "FLOAT16_VECTOR": numpy.float16,
            "BFLOAT16_VECTOR": ml_dtypes.bfloat16,
            "INT8_VECTOR": numpy.int8,
        }
        self.integers = {
            DataType.INT8: numpy.int8,
            DataType.INT16: numpy.int16,
            DataType.INT32: numpy.int32,
        }
        self.array, self.float32 = numpy.array, numpy.float32

    def field_schema(self, field):
        field = dict(field)
        name, kind = field.pop("name"), getattr(self.types, field.pop("type"))
        if "element_type" in field:
            field["element_type"] = getattr(self.types, field["element_type"])
        if "default" in field:
            # A plain int would travel as long_data, which the server refuses for Int8 to Int32.
            small = self.integers.get(kind, lambda value: value)
            field["default_value"] = small(field.pop("default"))
        return self.field(name, kind, **field)

    def create(self, name):
        options = dict(COLLECTIONS[name])
        fields = [self.field_schema(field) for field in options.pop("fields")]
        inner = {"description": "", "enable_dynamic_field": False}
        inner = {key: options.pop(key, value) for key, value in inner.items()}
        schema = self.collection(fields, **inner)
        return self.prepare.create_collection_request(name, schema, **options)

    def describe(self, name):
        """What DescribeCollection would tell pymilvus of the collection."""
        created = self.schema.CollectionSchema.FromString(self.create(name).schema)
        return self.described(self.milvus.DescribeCollectionResponse(schema=created)).dict()

    def value(self, field, value, how=None):
        kind = field["type"]
        if value is None or not kind.endswith("_VECTOR"):
            return value
        if kind == "BINARY_VECTOR":
            return bytes(value)
        if kind == "SPARSE_FLOAT_VECTOR":
            return dict(map(tuple, value))
        if kind in self.elements and how != "floats":
            return self.array(value, dtype=self.float32).astype(self.elements[kind])
        return value

    def rows(self, case):
        fields = {field["name"]: field for field in COLLECTIONS[case["collection"]]["fields"]}
        how = case.get("as")
        return [
            {k: self.value(fields[k], v, how) if k in fields else v for k, v in row.items()}
            for row in case["rows"]
        ]

    def write(self, case):
        name, described = case["collection"], self.describe(case["collection"])
        fields, dynamic = described["fields"], described.get("enable_dynamic_field", False)
        made, partition = self.rows(case), case.get("partition", "")
        if case.get("as") == "columns":
            columns = [
                {"name": f["name"], "type": f["type"], "values": [r.get(f["name"]) for r in made]}
                for f in fields
            ]
            return self.prepare.batch_insert_param(name, columns, partition, fields)
        upsert = case["message"] == "UpsertRequest"
        call = self.prepare.row_upsert_param if upsert else self.prepare.row_insert_param
        return call(name, made, partition, fields, enable_dynamic=dynamic)

    def search(self, case):
        field = next(f for f in COLLECTIONS[case["collection"]]["fields"] if f["name"] == "vector")
        queries = [self.value(field, query) for query in case["queries"]]
        more = {}
        if "consistency_level" in case:
            more["consistency_level"] = case["consistency_level"]
        default = self.ts_utils.construct_guarantee_ts(case["collection"], more)
        return self.prepare.search_requests_with_expr(
            case["collection"],
            case["field"],
            case["param"],
            case["limit"],
            data=queries,
            expr=case.get("filter", ""),
            partition_names=case.get("partition_names"),
            output_fields=case.get("output_fields"),
            use_default_consistency=default,
            **more,
        )

    def index(self, case):
        keys = ("index_type", "metric_type", "params")
        params = {key: case[key] for key in keys if key in case}
        return self.prepare.create_index_request(
            case["collection"], case["field"], params, index_name=case["index_name"]
        )

    def emit(self, case):
        build = {
            "CreateCollectionRequest": lambda case: self.create(case["collection"]),
            "SearchRequest": self.search,
            "CreateIndexRequest": self.index,
        }.get(case["message"], self.write)
        return build(case).SerializeToString(deterministic=True).hex()


def emit():
    import pymilvus

    emitter, made = Emitter(), {}
    for case in cases():
        assert case["name"] not in made, case["name"]
        made[case["name"]] = emitter.emit(case)
    json.dump({"version": pymilvus.__version__, "made": made}, sys.stdout)


def lines(key, items):
    """One item a line: a difference of cases.json is read line by line."""
    inner = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
    return f' "{key}": [\n{inner}\n ]'


def main(interpreters):
    answers = [
        json.loads(subprocess.run([i, __file__, "--emit"], stdout=-1, check=True).stdout)
        for i in interpreters
    ]
    for path in OUT.glob("*.bin"):
        path.unlink()
    listed = []
    for case in cases():
        files = {}
        for answer in answers:
            version = answer["version"]
            data = bytes.fromhex(answer["made"][case["name"]])
            path = OUT / f"{case['name']}.bin"
            if path.exists() and path.read_bytes() != data:
                path = OUT / f"{case['name']}.{version.rsplit('.', 1)[0]}.bin"
            path.write_bytes(data)
            files[version] = path.name
        listed.append({**case, "files": files})
    collections = [{"name": name, **options} for name, options in COLLECTIONS.items()]
    text = f"{{\n{lines('collections', collections)},\n{lines('cases', listed)}\n}}\n"
    (OUT / "cases.json").write_text(text, encoding="utf-8")
    different = [c["name"] for c in listed if len(set(c["files"].values())) > 1]
    print(f"{len(listed)} cases; different: {different or 'none'}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--emit"]:
        emit()
    elif len(sys.argv) == 3:
        main(sys.argv[1:])
    else:
        sys.exit(__doc__)
