# What is done again and again, for people and for CI: `.ci/run` installs what is missing and calls
# the same recipes. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Everything that has to be right, in the order in which it fails soonest.
steps := "format lints test field parquet documentation"

[private]
default:
    @just --list --unsorted

# every check; what it needs beside Rust stands in .ci/run
check:
    {{ just_executable() }} {{ steps }}

# is everything formatted?
format:
    cargo fmt --check

# clippy, with warnings as errors
lints:
    cargo clippy --locked --all-targets -- -D warnings

# all tests, whole runs against real servers among them
test $MILVUS_BENCH_E2E=env("MILVUS_BENCH_E2E", "full") $MILVUS_BENCH_CALIBRATE="off":
    cargo test --locked

# inputs of public reports against real servers, or the rows whose names have one of the words
field *words:
    tests/field.sh {{ words }}

# the report format that most builds leave out
parquet:
    cargo test --locked --features parquet --lib report::

# the documentation of the code, with warnings as errors, and the book of docs/ in target/book
documentation $RUSTDOCFLAGS="-D warnings": book
    cargo doc --locked --no-deps --document-private-items

# the book of docs/ in target/book; a warning of mdBook is an error
[private]
book:
    #!/usr/bin/env bash
    set -euo pipefail
    said="$(mdbook build docs 2>&1)" || { echo "$said"; exit 1; }
    echo "$said"
    ! grep -Eq 'WARN|ERROR' <<<"$said"

# writes what is generated anew: golden reports, schema, tables of documents, code of .proto files
bless $MILVUS_BENCH_UPDATE="1":
    cargo test --quiet --test protos
    cargo test --quiet --lib -- report:: plan::tests::schema
    cargo test --quiet --test readme --test words -- tables:: causes:: list_of_terms
    git status --short

# whole runs against a real Milvus and a real Jaeger, or the cases whose names have one of the words
e2e *words:
    MILVUS_BENCH_E2E=full cargo test --test e2e -- {{ words }}

# the tables of benches/README.md, about an hour: `just bench --table cost --seconds 1` for one
bench *options:
    benches/engine.py {{ options }}

# a release as users get it, in dist/: a package for this kind of machine, and its checksum
dist: (build "--release") (pack "release")

[private]
build *options:
    cargo build --locked --bin milvus-bench {{ options }}

# Packs the program that was built with `profile`; the same files give the same package.
[private]
pack profile:
    #!/usr/bin/env bash
    set -euo pipefail
    built="${CARGO_TARGET_DIR:-target}/{{ profile }}/milvus-bench"
    version="$("$built" --version | cut -d' ' -f2)"
    machine="$(rustc -vV | sed -n 's/^host: //p')"
    name="milvus-bench-$version-$machine"
    rm -rf "dist/$name" && mkdir -p "dist/$name/completions"
    cp -r "$built" README.md CHANGELOG.md LICENSE scenarios "dist/$name/"
    "$built" completions bash > "dist/$name/completions/milvus-bench.bash"
    "$built" completions zsh > "dist/$name/completions/_milvus-bench"
    "$built" completions fish > "dist/$name/completions/milvus-bench.fish"
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
        -C dist -c "$name" | gzip -n > "dist/$name.tar.gz"
    rm -r "dist/$name"
    (cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
