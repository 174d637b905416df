//! The readers of data sets, of which the targets run cases.
//!
//! Their folder is included and not the crate linked, so that no server, client or report is built
//! for them: `src/dataset/` may import `vector_type` alone (tests/layout.rs).

#[path = "../../src/dataset/mod.rs"]
pub mod dataset;
#[path = "../../src/vector_type.rs"]
pub mod vector_type;

pub use dataset::fuzz::run;
