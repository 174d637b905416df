//! Preparation: collections are brought into the state that their `prepare` mode asks for, each step measured.
//!
//! A collection that this program did not create (it lacks the mark in its description) is never dropped, released or
//! changed, unless the user named it with `--replace`: that is found out for all collections before the first write.

mod insert;
mod patience;
mod ready;
mod served;
mod state;
mod steps;

use std::fmt;

use crate::{
    milvus::{SetupError, methods, proto::DescribeCollectionResponse},
    operation::setup,
    plan::{CollectionPlan, Plan, PrepareMode, WorkloadPlan},
};

pub use state::collection_state;
pub use steps::{PrepareContext, STEPS, Step, step_stream_name};

/// Why a collection could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Nothing was written: the user's scenario and what is in Milvus do not fit.
    #[error("{0}")]
    Refused(String),
    /// A call failed.
    #[error("collection {collection}: {error}")]
    Call {
        /// Name of the collection.
        collection: String,
        /// The call.
        error: SetupError,
    },
    /// It did not become ready in time.
    #[error("{0}")]
    NotReady(String),
    /// The run was interrupted.
    #[error("interrupted while preparing")]
    Interrupted,
}

/// What is to be done with one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Leave it as it is.
    Keep,
    /// Create it and fill it; it does not exist.
    Create,
    /// Drop ours (or one that the user named), then create.
    Recreate,
}

/// Words for the progress line.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::Keep => "keep",
            Decision::Create => "create",
            Decision::Recreate => "drop and create again",
        })
    }
}

/// Decides for every collection before anything is written.
///
/// # Errors
/// A collection is not ours and not named in `replace`, is missing for `reuse`, or does not fit its plan.
pub async fn decide(context: &PrepareContext<'_>, plan: &Plan, replace: &[String]) -> Result<Vec<Decision>, PrepareError> {
    let mut decisions = Vec::new();
    for (index, collection) in plan.collections.iter().enumerate() {
        let name = &collection.shape.name;
        let found = context.client.describe_collection(name).await.map_err(|error| failed(collection, error))?;
        decisions.push(match (collection.prepare, found) {
            (PrepareMode::Reuse, None) => {
                return Err(PrepareError::Refused(format!(
                    "collection {name} does not exist in Milvus, and prepare = \"reuse\" does not create it: create it, or use prepare = \"full\""
                )));
            }
            (PrepareMode::Reuse, Some(found)) => {
                check_reused(collection, &found)?;
                let allowed = is_ours(&found) || replace.iter().any(|named| named == name);
                if let Some(writer) = writer(plan, index).filter(|_| !allowed) {
                    return Err(PrepareError::Refused(format!(
                        "workload {writer} writes into collection {name}, which was not created by milvus-bench: leave the workload out, or allow the change of \
                         the collection with --replace {name}"
                    )));
                }
                Decision::Keep
            }
            (_, None) => Decision::Create,
            (mode, Some(found)) => {
                match mark_of(&found) {
                    Some(mark) if mode == PrepareMode::Ensure && mark == collection.fingerprint && ready::is_ready(context, collection).await? => {
                        Decision::Keep
                    }
                    Some(_) => Decision::Recreate,
                    None if replace.iter().any(|named| named == name) => Decision::Recreate,
                    None => {
                        return Err(PrepareError::Refused(format!(
                            "collection {name} exists and was not created by milvus-bench, so it is left alone: choose another name, use prepare = \"reuse\", \
                             or allow its loss with --replace {name}"
                        )));
                    }
                }
            }
        });
    }
    Ok(decisions)
}

/// The mark in a collection's description, if it is ours.
fn mark_of(found: &DescribeCollectionResponse) -> Option<&str> {
    found.schema.as_ref().and_then(|schema| setup::parse_mark(&schema.description))
}

fn is_ours(found: &DescribeCollectionResponse) -> bool {
    mark_of(found).is_some()
}

/// The first workload that writes into the collection and runs.
fn writer(plan: &Plan, collection: usize) -> Option<&str> {
    let runs = |index: usize| plan.phases.iter().any(|phase| phase.workloads.contains(&index));
    let writes =
        |(index, workload): &(usize, &WorkloadPlan)| workload.collection == collection && workload.operation.writes() && runs(*index);
    plan.workloads.iter().enumerate().find(writes).map(|(_, workload)| workload.name.as_str())
}

/// A collection that is reused must have the dimension of the data set's vectors.
fn check_reused(collection: &CollectionPlan, found: &DescribeCollectionResponse) -> Result<(), PrepareError> {
    let field = found.schema.iter().flat_map(|schema| &schema.fields).find(|field| field.name == collection.shape.vector_field);
    let Some(field) = field else {
        return Err(PrepareError::Refused(format!(
            "collection {} has no field {}: name its vector field with vector_field",
            collection.shape.name, collection.shape.vector_field
        )));
    };
    let dim = field.type_params.iter().find(|pair| pair.key == "dim").and_then(|pair| pair.value.parse::<u32>().ok());
    match dim {
        Some(dim) if dim != collection.shape.dim => Err(PrepareError::Refused(format!(
            "collection {} has dimension {dim}, the data set has {}: use vectors of the same dimension",
            collection.shape.name, collection.shape.dim
        ))),
        _ => Ok(()),
    }
}

/// Carries out one decision and waits until the collection is really ready.
///
/// # Errors
/// A call failed, or the collection did not become ready within its `ready_timeout`.
pub async fn carry_out(context: &mut PrepareContext<'_>, collection: &CollectionPlan, decision: Decision) -> Result<(), PrepareError> {
    if decision == Decision::Keep {
        return Ok(());
    }
    let shape = &collection.shape;
    let fail = |error| failed(collection, error);
    if decision == Decision::Recreate {
        context.step(collection, Step::Drop, &methods::DROP_COLLECTION, &setup::drop_collection(shape)).await.map_err(fail)?;
    }
    let description = setup::mark(&collection.fingerprint);
    context
        .step(collection, Step::Create, &methods::CREATE_COLLECTION, &setup::create_collection(shape, &description))
        .await
        .map_err(fail)?;
    let filled = collection.prepare != PrepareMode::Schema && collection.initial_rows > 0;
    if filled {
        insert::insert_rows(context, collection).await?;
        ready::flush(context, collection).await?;
    }
    for index in setup::create_indexes(shape) {
        context.step(collection, Step::CreateIndex, &methods::CREATE_INDEX, &index).await.map_err(fail)?;
    }
    if filled {
        ready::wait_for_index(context, collection).await?;
    }
    context.step(collection, Step::Load, &methods::LOAD_COLLECTION, &setup::load_collection(shape)).await.map_err(fail)?;
    ready::wait_until_ready(context, collection, filled).await
}

/// Drops a collection that this run created and that is not to be kept.
///
/// # Errors
/// The call failed.
pub async fn drop_again(context: &mut PrepareContext<'_>, collection: &CollectionPlan) -> Result<(), PrepareError> {
    let request = setup::drop_collection(&collection.shape);
    context.step(collection, Step::Drop, &methods::DROP_COLLECTION, &request).await.map_err(|error| failed(collection, error))
}

fn failed(collection: &CollectionPlan, error: SetupError) -> PrepareError {
    PrepareError::Call { collection: collection.shape.name.clone(), error }
}
