//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    resolve_without_modules();
    milvus_bench::cli::main()
}

/// Looks names up in the hosts file and by DNS alone, both of which are linked in.
///
/// A statically linked glibc loads the other modules that `/etc/nsswitch.conf` names, with the
/// machine's own C library below them; where that is another version (2.31 and 2.41 below a program
/// that was built with 2.36), the process is ended by a signal in its first look-up.
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(
    unsafe_code,
    reason = "glibc has no other way, and no crate has this call"
)]
fn resolve_without_modules() {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    for (database, services) in [(c"hosts", c"files dns"), (c"passwd", c"files")] {
        // SAFETY: both texts live as long as the process and end with a zero, and no other thread
        // is there yet. It fails for an unknown database only.
        unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
    }
}
