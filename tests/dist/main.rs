//! What people install: archive, line tables, wheel and image of a release, and the files that
//! describe them.
//!
//! `just packages` and `just dist` make them and run this, with their folder in
//! `MILVUS_BENCH_DIST`. Without it the tests of what is made are left out, which a line says.

#[path = "../support/harness.rs"]
mod harness;
#[path = "../support/suite.rs"]
mod suite;

mod containerfile;
mod descriptions;
mod jail;
mod packages;

use std::process::ExitCode;

use harness::Case;
use packages::Packages;
use suite::{Missing, Suite};

/// Tests of the files that describe packages.
const DESCRIPTIONS: &[Case<()>] = &[
    Case {
        name: "cargo_binstall_downloads_what_the_justfile_packs",
        run: descriptions::cargo_binstall_downloads_what_the_justfile_packs,
    },
    Case {
        name: "the_wheel_has_every_scenario_and_its_data",
        run: descriptions::the_wheel_has_every_scenario_and_its_data,
    },
    Case {
        name: "the_wheel_has_the_program_and_the_crates_version",
        run: descriptions::the_wheel_has_the_program_and_the_crates_version,
    },
    Case {
        name: "the_crate_has_what_the_program_is_built_from",
        run: descriptions::the_crate_has_what_the_program_is_built_from,
    },
    Case {
        name: "the_image_is_not_roots_and_has_this_version",
        run: containerfile::the_image_is_not_roots_and_has_this_version,
    },
];

/// Tests of packages that were made.
const MADE: &[Case<Packages>] = &[
    Case {
        name: "archives_have_one_folder_and_their_checksums",
        run: packages::archives_have_one_folder_and_their_checksums,
    },
    Case {
        name: "the_archive_has_what_a_user_needs",
        run: packages::the_archive_has_what_a_user_needs,
    },
    Case {
        name: "the_program_needs_no_library_and_has_no_line_tables",
        run: packages::the_program_needs_no_library_and_has_no_line_tables,
    },
    Case {
        name: "backtraces_have_lines_where_the_line_tables_are_beside_the_program",
        run: packages::backtraces_have_lines_where_the_line_tables_are_beside_the_program,
    },
    Case {
        name: "the_wheel_is_for_manylinux2014_and_runs_where_it_is_installed",
        run: packages::the_wheel_is_for_manylinux2014_and_runs_where_it_is_installed,
    },
    Case {
        name: "names_are_found_where_the_machine_has_modules_of_another_c_library",
        run: jail::names_are_found_where_the_machine_has_modules_of_another_c_library,
    },
    Case {
        name: "an_authority_of_the_system_is_trusted",
        run: jail::an_authority_of_the_system_is_trusted,
    },
    Case {
        name: "the_image_has_all_that_the_program_needs",
        run: containerfile::the_image_has_all_that_the_program_needs,
    },
];

fn main() -> ExitCode {
    let suite = Suite {
        always: DESCRIPTIONS,
        needing: &[MADE],
        of: "packages",
        how_to_get: "just packages",
    };
    suite.run(|| {
        let missing = |is_failure| move |why| Missing { why, is_failure };
        let folder = std::env::var_os("MILVUS_BENCH_DIST").ok_or("no MILVUS_BENCH_DIST".to_owned());
        Packages::unpack(folder.map_err(missing(false))?.into()).map_err(missing(true))
    })
}
