# What is done again and again, for people and for CI: `.ci/run` installs what is missing and calls
# the same recipes. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Everything that has to be right, in the order in which it fails soonest.
steps := "format containerfile lints test fuzz field documentation packages"

# What `cargo binstall` downloads is named by Cargo.toml as here.
version := `sed -n 's/^version = "\(.*\)"/\1/p;/^version/q' Cargo.toml`
target := arch() + "-unknown-linux-gnu"
archive := "milvus-bench-" + version + "-" + target

cargo_target := absolute_path(env("CARGO_TARGET_DIR", "target"))

# Programs that make and check packages, from packaging/requirements.txt.
tools := cargo_target / "tools/bin"

[private]
default:
    @just --list --unsorted

# every check; what it needs beside Rust stands in .ci/run
check:
    for step in {{ steps }}; do {{ just_executable() }} "$step"; done

# is everything formatted?
format:
    cargo fmt --check

# clippy, with warnings as errors
lints:
    cargo clippy --locked --all-targets -- -D warnings

# all tests, whole runs against real servers among them
test $MILVUS_BENCH_E2E=env("MILVUS_BENCH_E2E", "full") $MILVUS_BENCH_CALIBRATE="off":
    cargo test --locked

# our readers of data sets with cases that cargo-fuzz makes, as many seconds for each target; the
# same cases for the same seed, 0 draws one: `just fuzz 600 0 parquet hdf5 jsonl` for the others
fuzz seconds="60" seed="1" *targets="bin csr ibin npy sparse texmex":
    #!/usr/bin/env bash
    set -euo pipefail
    folder={{ quote(cargo_target / "fuzz") }}
    # Without a sanitizer, which would need a nightly compiler: there is no `unsafe` to find faults
    # of.
    export CARGO_TARGET_DIR="$folder"
    cargo fuzz build --sanitizer none
    for target in {{ targets }}; do
        # What was found before is tried first, and left for the next time; a failure names its
        # case.
        mkdir -p "$folder/corpus/$target"
        cargo fuzz run --sanitizer none "$target" "$folder/corpus/$target" -- \
            -max_total_time={{ seconds }} -seed={{ seed }} -max_len=1024 -malloc_limit_mb=64 \
            -artifact_prefix="$folder/$target-" -verbosity=0 -print_final_stats=1
    done

# inputs of public reports against real servers, or the rows whose names have one of the words
field *words:
    tests/field.sh {{ words }}

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

# the report of a run of the quickstart, as README and docs/reading-a-report.md show it
shown run $MILVUS_BENCH_UPDATE="1":
    cargo run --quiet -- report {{ run }} > /dev/null
    MILVUS_BENCH_SHOWN={{ run }} cargo test --quiet --test readme shown

# whole runs against a real Milvus and a real Jaeger, or the cases whose names have one of the words
e2e *words:
    MILVUS_BENCH_E2E=full cargo test --test e2e -- {{ words }}

# the tables of benches/README.md, about an hour: `just bench --table cost --seconds 1` for one
bench *options:
    benches/engine.py {{ options }}

# a release in dist/, tried: archive, line tables and wheel for this kind of machine, checksums
dist: (build "release") (pack "release") (wheel "release") try-dist

# what `just dist` makes, of a program that is faster to build and slow
packages: (build "packages") (pack "packages") (wheel "packages") try-dist

[private]
try-dist:
    MILVUS_BENCH_DIST={{ quote(justfile_directory() / "dist") }} cargo test --locked --test dist

# the Cargo package, below 10 MB
crate:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo package --locked --allow-dirty --no-verify --target-dir {{ quote(cargo_target) }}
    cd {{ quote(cargo_target / "package") }}
    stat --format='%n: %s bytes' milvus-bench-{{ version }}.crate
    [ "$(stat --format=%s milvus-bench-{{ version }}.crate)" -lt 10000000 ]
    # Files of a package have one time for ever, by which Cargo would find nothing changed.
    rm -rf milvus-bench-{{ version }} && tar -xmzf milvus-bench-{{ version }}.crate

# From the Cargo package, so that the package is known to build; linked statically, so that
# the program runs on every Linux of this kind of machine.
[private]
build profile $RUSTFLAGS="-C target-feature=+crt-static": crate
    cd {{ quote(cargo_target / "package/milvus-bench-" + version) }} && \
        cargo build --locked --bin milvus-bench --profile {{ profile }} --target {{ target }} \
        --target-dir {{ quote(cargo_target) }}

# Packs the program that was built with `profile`; the same files give the same archives.
[private]
pack profile:
    #!/usr/bin/env bash
    set -euo pipefail
    built={{ quote(cargo_target / target / profile / "milvus-bench") }}
    name={{ archive }}
    rm -rf dist && mkdir -p "dist/$name/completions" "dist/lines/$name"
    # Backtraces find the line tables by this name in the program's folder.
    lines="dist/lines/$name/milvus-bench.debug"
    objcopy --only-keep-debug "$built" "$lines" && chmod -x "$lines"
    # Without them, they have names of functions of this crate, and begin and end as they should.
    objcopy --strip-all --wildcard --keep-symbol='*milvus_bench*' --keep-symbol='*9panicking*' \
        --keep-symbol='*9backtrace*' --add-gnu-debuglink="$lines" "$built" "dist/$name/milvus-bench"
    [ {{ profile }} != release ] || [ "$(stat --format=%s "dist/$name/milvus-bench")" -lt 25000000 ]
    cp -r README.md CHANGELOG.md LICENSE docs scenarios packaging/Containerfile "dist/$name/"
    for shell in bash:milvus-bench.bash zsh:_milvus-bench fish:milvus-bench.fish; do
        "$built" completions "${shell%:*}" > "dist/$name/completions/${shell#*:}"
    done
    "$built" man --out "dist/$name/man/man1"
    archive() {
        tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
            -C "$1" -c "$name" | gzip -n > "dist/$2"
        (cd dist && sha256sum "$2" | tee "$2.sha256")
    }
    archive dist "$name.tar.gz"
    archive dist/lines "$name.debug.tar.gz"
    rm -r dist/lines

# The wheel for pip: linked by zig against glibc 2.17, which manylinux2014 allows.
[private]
wheel profile: tools
    PATH={{ quote(tools) }}:"$PATH" CARGO_PROFILE_RELEASE_STRIP=debuginfo \
        maturin build --zig --compatibility manylinux2014 --target {{ target }} \
        --profile {{ profile }} --locked --out dist
    cd dist && for wheel in *.whl; do sha256sum "$wheel" | tee "$wheel.sha256"; done

# the Containerfile, by hadolint
containerfile: tools
    {{ tools }}/hadolint packaging/Containerfile

[private]
tools:
    #!/usr/bin/env bash
    set -euo pipefail
    [ -x {{ quote(tools) }}/pip ] || python3 -m venv {{ quote(parent_directory(tools)) }}
    {{ quote(tools) }}/pip install --quiet --requirement packaging/requirements.txt
