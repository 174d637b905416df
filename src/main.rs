//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    milvus_bench::cli::main()
}
