//! Preparation: collections are brought into the state that their `prepare` mode asks for, each
//! step measured.
//!
//! A collection that this program did not create (it lacks the mark in its description) is never
//! dropped, released or changed, unless the user named it with `--replace`; nor is one that another
//! run works with. That is found out for all collections before the first write ([`decide()`]).

mod claims;
mod decide;
mod insert;
mod patience;
mod ready;
mod rows;
mod served;
mod state;
mod steps;

use std::fmt;

use crate::{
    milvus::{SetupError, methods, proto::DescribeCollectionResponse},
    operation::{mark, setup},
    plan::{AccessPlan, CollectionPlan, Plan, PrepareMode},
};

pub use claims::{Claims, Held, Renewing};
pub use decide::decide;
pub use rows::RowsExpected;
pub use state::{Count, collection_state};
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

/// Carries out one decision and waits until the collection is really ready.
///
/// # Errors
/// A call failed, the collection did not become ready within its `ready_timeout`, or another run
/// works with it.
pub async fn carry_out(
    context: &mut PrepareContext<'_>,
    plan: &Plan,
    index: usize,
    decision: Decision,
) -> Result<(), PrepareError> {
    let collection = &plan.collections[index];
    let shape = &collection.shape;
    let fail = |error| failed(collection, error);
    if decision == Decision::Keep {
        return keep(context, plan, collection).await;
    }
    if decision == Decision::Recreate {
        replace(context, collection).await?;
    }
    create(context, plan, collection).await?;
    let filled = collection.prepare != PrepareMode::Schema && collection.initial_rows > 0;
    if filled {
        insert::insert_rows(context, collection).await?;
        still_the_same(context, collection).await?;
        ready::flush(context, collection).await?;
    }
    for index in setup::create_indexes(shape) {
        context
            .step(
                collection,
                Step::CreateIndex,
                &methods::CREATE_INDEX,
                &index,
            )
            .await
            .map_err(fail)?;
    }
    if filled {
        ready::wait_for_index(context, collection).await?;
    }
    context
        .step(
            collection,
            Step::Load,
            &methods::LOAD_COLLECTION,
            &setup::load_collection(shape),
        )
        .await
        .map_err(fail)?;
    ready::wait_until_ready(context, collection, filled).await?;
    still_the_same(context, collection).await
}

/// Drops the collection that has the name, after this run has marked it and no other one had: two
/// runs that both want to replace it see each other's mark.
async fn replace(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let Some(found) = describe(context, collection).await? else {
        return Ok(());
    };
    decide::may_be_replaced(context, collection, &found).await?;
    let name = &collection.shape.name;
    // A server that takes no marks says so when the new collection is marked.
    let _ = context.claims.hold(name, &found, true).await;
    let Some(found) = describe(context, collection).await? else {
        context.claims.release(name).await;
        return Ok(());
    };
    let others = decide::refuse_if_used(context, collection, &found).await;
    context.claims.release(name).await;
    others?;
    let ask = async || context.claims.clear(&found).await;
    patience::patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))?;
    let request = setup::drop_collection(&collection.shape);
    context
        .step(collection, Step::Drop, &methods::DROP_COLLECTION, &request)
        .await
        .map_err(|error| failed(collection, error))
}

/// Creates the collection and marks it. Where two runs create it at the same moment, descriptions
/// differ, and Milvus refuses one.
async fn create(
    context: &mut PrepareContext<'_>,
    plan: &Plan,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let description = mark::description(&collection.fingerprint, &context.claims.now().await);
    let request = setup::create_collection(&collection.shape, &description);
    context.begun.push(collection.shape.name.clone());
    let created = context
        .step(
            collection,
            Step::Create,
            &methods::CREATE_COLLECTION,
            &request,
        )
        .await;
    let found = describe(context, collection).await?;
    let name = &collection.shape.name;
    if let (Some(found), Ok(())) = (&found, &created)
        && context.claims.note_undescribed(name, found)
    {
        let reason = "it keeps no descriptions of collections".to_owned();
        context.unmarked.push((name.clone(), reason));
    }
    let found = match (found, created) {
        (Some(found), _) if context.claims.created(name, &found) => found,
        (Some(found), _) => return Err(decide::was_faster(collection, &found)),
        (None, Err(error)) => return Err(failed(collection, error)),
        (None, Ok(())) => {
            return Err(PrepareError::Refused(format!(
                "collection {name} was dropped by another client right after this run created it: \
                 choose another name"
            )));
        }
    };
    hold(context, plan, collection, &found).await
}

/// A collection that stays as it is: its id is remembered, and it is marked if it is milvus-bench's
/// own.
async fn keep(
    context: &mut PrepareContext<'_>,
    plan: &Plan,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    match describe(context, collection).await? {
        Some(found) => hold(context, plan, collection, &found).await,
        None => Err(PrepareError::Refused(format!(
            "collection {} was dropped by another client during this run's preparation",
            collection.shape.name
        ))),
    }
}

async fn hold(
    context: &mut PrepareContext<'_>,
    plan: &Plan,
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let marked = plan.milvus.access == AccessPlan::All && decide::is_ours(found);
    if marked {
        context.claims.tidy(found).await;
    }
    let name = &collection.shape.name;
    let ask = async || context.claims.hold(name, found, marked).await;
    let held = patience::patiently(context, collection, ask).await;
    if let Err(error) = held
        && collection.prepare != PrepareMode::Reuse
    {
        context.unmarked.push((name.clone(), error.to_string()));
    }
    Ok(())
}

/// An error when the name leads to another collection than the one that this run created.
async fn still_the_same(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let name = &collection.shape.name;
    match context.claims.changed(name).await {
        None => Ok(()),
        Some(found) => Err(PrepareError::Refused(format!(
            "collection {name} was replaced during this run's preparation ({found}): choose \
             another name, or run one after the other"
        ))),
    }
}

async fn describe(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<Option<DescribeCollectionResponse>, PrepareError> {
    let ask = async || {
        context
            .client
            .describe_collection(&collection.shape.name)
            .await
    };
    patience::patiently(context, collection, ask)
        .await
        .map_err(|error| failed(collection, error))
}

/// What became of a collection that was to be dropped at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone, by this call.
    Yes,
    /// It was not there any more.
    Absent,
    /// It stays, and why.
    No(String),
}

/// Drops a collection that this run created and that is not to be kept. That it wanted to create it
/// proves nothing: the description names the run that did, and another run may work with it by now.
pub async fn drop_again(context: &mut PrepareContext<'_>, collection: &CollectionPlan) -> Dropped {
    let found = match describe(context, collection).await {
        Ok(Some(found)) => found,
        Ok(None) => return Dropped::Absent,
        Err(error) => return Dropped::No(error.to_string()),
    };
    let name = &collection.shape.name;
    let id = context.claims.id(name);
    if !context.claims.created(name, &found) || id.is_some_and(|id| id != found.collection_id) {
        return Dropped::No(format!(
            "it is not the one that this run created ({})",
            claims::describe_other(&found)
        ));
    }
    if let Some(other) = context.claims.others(&found).await.first() {
        return Dropped::No(format!("run {} of milvus-bench works with it", other.run));
    }
    context.claims.release(name).await;
    let ask = async || context.claims.clear(&found).await;
    if let Err(error) = patience::patiently(context, collection, ask).await {
        return Dropped::No(error.to_string());
    }
    let request = setup::drop_collection(&collection.shape);
    match context
        .step(collection, Step::Drop, &methods::DROP_COLLECTION, &request)
        .await
    {
        Ok(()) => Dropped::Yes,
        Err(error) => Dropped::No(error.to_string()),
    }
}

fn failed(collection: &CollectionPlan, error: SetupError) -> PrepareError {
    PrepareError::Call {
        collection: collection.shape.name.clone(),
        error,
    }
}
