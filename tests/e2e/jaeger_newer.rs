//! Jaeger 1.65.0, built once into the cache folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::say;

/// What `go build` builds, a tool of the module in tests/jaeger-1.65.
const PACKAGE: &str = "github.com/jaegertracing/jaeger/cmd/all-in-one";

/// The binary, built unless it is there.
pub(crate) fn build(cache: &Path) -> Result<PathBuf, String> {
    let folder = cache.join("jaeger-1.65.0");
    let binary = folder.join("all-in-one");
    if binary.is_file() {
        return Ok(binary);
    }
    say("  building Jaeger 1.65.0 from tests/jaeger-1.65, which takes about four minutes once");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Under another name until it is whole: two test runs may build at the same time.
    let scratch = folder.join(format!("all-in-one.{}", std::process::id()));
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jaeger-1.65");
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-o"])
        .arg(&scratch)
        .arg(PACKAGE)
        .current_dir(module);
    let built = command
        .output()
        .map_err(|error| format!("Jaeger 1.65.0 can't be built, go does not run: {error}"))?;
    if !built.status.success() {
        return Err(format!(
            "Jaeger 1.65.0 can't be built: {}",
            String::from_utf8_lossy(&built.stderr)
        ));
    }
    std::fs::rename(&scratch, &binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    Ok(binary)
}
