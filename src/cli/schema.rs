//! `schema`: the JSON Schema of scenarios, for editors.

use super::{
    ended::{CliError, Done},
    output::print,
};
use crate::plan::scenario_schema_text;

/// Prints the schema; it is the same for every scenario.
pub(crate) fn schema() -> Result<Done, CliError> {
    print(scenario_schema_text().as_bytes()).map(|()| Done::Ok)
}
