"""Writes the requests that pymilvus itself builds, as golden bytes for tests/protos.rs.

pip install pymilvus==2.3.7 "marshmallow<4" "setuptools<70"
python tests/data/pymilvus/make.py
"""

from pathlib import Path

from pymilvus import CollectionSchema, DataType, FieldSchema
from pymilvus.client.prepare import Prepare

OUT = Path(__file__).parent


def write(name, request):
    (OUT / f"{name}.bin").write_bytes(request.SerializeToString(deterministic=True))


def schema():
    return CollectionSchema(
        [
            FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False, description="key"),
            FieldSchema("year", DataType.INT32),
            FieldSchema("title", DataType.VARCHAR, max_length=200),
            FieldSchema("vector", DataType.FLOAT_VECTOR, dim=4),
        ],
        description="documents",
        enable_dynamic_field=False,
    )


def fields_info():
    return [
        {"name": "id", "type": DataType.INT64, "is_primary": True, "auto_id": False, "params": {}},
        {"name": "year", "type": DataType.INT32, "params": {}},
        {"name": "title", "type": DataType.VARCHAR, "params": {"max_length": 200}},
        {"name": "vector", "type": DataType.FLOAT_VECTOR, "params": {"dim": 4}},
    ]


write(
    "create_collection",
    Prepare.create_collection_request("docs", schema(), shards_num=2, consistency_level="Bounded"),
)
write(
    "create_index",
    Prepare.create_index_request(
        "docs",
        "vector",
        {"index_type": "HNSW", "metric_type": "L2", "params": {"M": 16, "efConstruction": 200}},
        index_name="by_vector",
    ),
)
write(
    "insert",
    Prepare.batch_insert_param(
        "docs",
        [
            {"name": "id", "type": DataType.INT64, "values": [1, 2]},
            {"name": "year", "type": DataType.INT32, "values": [1999, -5]},
            {"name": "title", "type": DataType.VARCHAR, "values": ["one", "zwölf"]},
            {
                "name": "vector",
                "type": DataType.FLOAT_VECTOR,
                "values": [[0.5, -1.0, 2.25, 0.0], [1e-3, 4.0, -0.125, 8.0]],
            },
        ],
        "part",
        fields_info(),
    ),
)
search = Prepare.search_requests_with_expr(
    "docs",
    [[0.5, -1.0, 2.25, 0.0], [1.0, 2.0, 3.0, 4.0]],
    "vector",
    {"metric_type": "L2", "params": {"ef": 64}},
    10,
    expr="year > 2000",
    partition_names=["part"],
    output_fields=["title"],
    round_decimal=-1,
    guarantee_timestamp=7,
    consistency_level=2,
)
write("search", search)
write(
    "query",
    Prepare.query_request(
        "docs",
        "id in [1, 2]",
        ["id", "title"],
        ["part"],
        guarantee_timestamp=9,
        limit=5,
        consistency_level=3,
    ),
)
