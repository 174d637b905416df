//! What README.md, the pages of docs/, ARCHITECTURE.md, CONTRIBUTING.md and CHANGELOG.md say is so:
//! commands, recipes, options, keys, files, links, scenarios and generated tables; and every block
//! of commands that can run is run.
//!
//! `MILVUS_BENCH_UPDATE=1 cargo test --test readme` rewrites what is generated.

#[path = "../support/documents.rs"]
mod documents;
#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod causes;
mod code;
mod explained;
mod links;
mod names;
mod program;
mod shown;
mod size;
mod tables;
