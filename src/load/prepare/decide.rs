//! What is to be done with each collection, decided for all of them before anything is written.

use super::{Decision, PrepareError, claims, describe, ready, steps::PrepareContext};
use crate::{
    milvus::proto::DescribeCollectionResponse,
    operation::{
        Deletes,
        mark::{self, CollectionMark, LIVES_S},
    },
    plan::{CollectionPlan, Plan, PrepareMode, WorkloadPlan},
    vector_type::VectorType,
};

/// Decides for every collection before anything is written.
///
/// # Errors
/// The database is missing; a collection is not ours and not named in `replace`, is used by another
/// run, is an alias, is missing or not loaded for `reuse`, or does not fit its plan.
pub async fn decide(
    context: &PrepareContext<'_>,
    plan: &Plan,
) -> Result<Vec<Decision>, PrepareError> {
    check_database(context, plan).await?;
    let mut decisions = Vec::new();
    for (index, collection) in plan.collections.iter().enumerate() {
        let found = describe(context, collection).await?;
        decisions.push(match (collection.prepare, found) {
            (PrepareMode::Reuse, None) => return Err(missing(collection)),
            (PrepareMode::Reuse, Some(found)) => {
                reuse(context, plan, index, &found).await?;
                Decision::Keep
            }
            (_, None) => Decision::Create,
            (mode, Some(found)) => {
                refuse_alias(collection, &found)?;
                let fits =
                    mark_of(&found).is_some_and(|mark| mark.fingerprint == collection.fingerprint);
                if mode == PrepareMode::Ensure
                    && fits
                    && ready::is_ready(context, collection).await?
                {
                    Decision::Keep
                } else {
                    may_be_replaced(context, collection, &found).await?;
                    Decision::Recreate
                }
            }
        });
    }
    Ok(decisions)
}

/// Milvus 2.3 says of a collection in a missing database that the collection is missing, so the
/// database is asked for itself.
async fn check_database(context: &PrepareContext<'_>, plan: &Plan) -> Result<(), PrepareError> {
    let Some(database) = &plan.milvus.database else {
        return Ok(());
    };
    match context.client.missing_database().await {
        Some(words) => Err(PrepareError::Refused(format!(
            "database {database} does not exist in Milvus ({words}): create it, or name another \
             one with `database` of [milvus]"
        ))),
        None => Ok(()),
    }
}

fn missing(collection: &CollectionPlan) -> PrepareError {
    let name = &collection.shape.name;
    PrepareError::Refused(format!(
        "collection {name} does not exist in Milvus, and prepare = \"reuse\" does not create it: \
         create it, or use prepare = \"full\""
    ))
}

/// What `reuse` needs: a collection of the right shape, which is loaded where it is read, and may
/// be written where it is.
async fn reuse(
    context: &PrepareContext<'_>,
    plan: &Plan,
    index: usize,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let collection = &plan.collections[index];
    let name = &collection.shape.name;
    check_reused(collection, found)?;
    let allowed = is_ours(found) || context.replace.iter().any(|named| named == name);
    if let Some(writer) = running(plan, index)
        .find(|workload| workload.entry.writes())
        .filter(|_| !allowed)
    {
        return Err(PrepareError::Refused(format!(
            "workload {} writes into collection {name}, which was not created by milvus-bench: \
             omit the workload, or allow the change of the collection with --replace {name}",
            writer.name
        )));
    }
    let needs_loaded = |workload: &&WorkloadPlan| {
        // Keys are deleted without being looked for.
        workload.entry.needs_loaded && !matches!(workload.operation.deletes(), Deletes::Keys(_))
    };
    let Some(reader) = running(plan, index).find(needs_loaded) else {
        return Ok(());
    };
    if is_loaded(context, collection).await? {
        return Ok(());
    }
    Err(PrepareError::Refused(format!(
        "collection {name} is not loaded, which workload {} needs, and prepare = \"reuse\" does \
         not change it: load it (LoadCollection), or use prepare = \"ensure\"",
        reader.name
    )))
}

/// A server that does not tell, or does not tell this user, may have loaded it.
async fn is_loaded(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<bool, PrepareError> {
    match ready::is_loaded_soon(context, collection).await {
        Err(PrepareError::Call { error, .. }) if error.failure.error.is_refusal_to_tell() => {
            Ok(true)
        }
        other => other,
    }
}

/// Workloads of a collection that are in a phase.
fn running(plan: &Plan, collection: usize) -> impl Iterator<Item = &WorkloadPlan> {
    let runs = |index: usize| {
        plan.phases
            .iter()
            .any(|phase| phase.workloads.contains(&index))
    };
    plan.workloads
        .iter()
        .enumerate()
        .filter(move |(index, workload)| workload.collection == collection && runs(*index))
        .map(|(_, workload)| workload)
}

/// A collection that is to be dropped must be named itself: Milvus drops none by its alias, and an
/// alias is somebody's switch.
fn refuse_alias(
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let name = &collection.shape.name;
    match real_name(found) {
        Some(real) if real != name => Err(PrepareError::Refused(format!(
            "{name} is an alias of collection {real} in Milvus, and prepare = \"{}\" would \
             replace the collection: choose another name, or use prepare = \"reuse\"",
            collection.prepare.name()
        ))),
        _ => Ok(()),
    }
}

/// The name of a collection that was found by its name or by an alias; None where Milvus does not
/// say it.
fn real_name(found: &DescribeCollectionResponse) -> Option<&str> {
    found
        .schema
        .as_ref()
        .map(|schema| schema.name.as_str())
        .filter(|name| !name.is_empty())
}

/// An error when the collection is somebody else's and not given up, or another run works with it.
pub(super) async fn may_be_replaced(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let name = &collection.shape.name;
    if !is_ours(found) && !context.replace.contains(name) {
        return Err(PrepareError::Refused(format!(
            "collection {name} exists and was not created by milvus-bench, so it was not touched: \
             choose another name, use prepare = \"reuse\", or allow its loss with --replace \
             {name}"
        )));
    }
    refuse_if_used(context, collection, found).await
}

/// An error that names a run that lives and has marked the collection.
pub(super) async fn refuse_if_used(
    context: &PrepareContext<'_>,
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let others = context.claims.others(found).await;
    let Some(other) = others.first() else {
        return Ok(());
    };
    Err(PrepareError::Refused(format!(
        "collection {} is in use by run {} of milvus-bench, and prepare = \"{}\" would replace \
         it: choose another `name`, or wait until that run has ended (if it was killed, {LIVES_S} \
         s after it)",
        collection.shape.name,
        other.run,
        collection.prepare.name()
    )))
}

/// Two runs create a collection at the same moment: the other one has it.
pub(super) fn was_faster(
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> PrepareError {
    let who = match claims::creator(found) {
        Some(creator) => format!("run {} of milvus-bench", creator.run),
        None => "somebody".to_owned(),
    };
    let name = &collection.shape.name;
    PrepareError::Refused(format!(
        "collection {name} was created by {who} during this run's preparation: choose another \
         `name`, or run one after the other"
    ))
}

/// The mark in a collection's description, if it is ours.
fn mark_of(found: &DescribeCollectionResponse) -> Option<CollectionMark> {
    found
        .schema
        .as_ref()
        .and_then(|schema| mark::of_description(&schema.description))
}

/// Whether milvus-bench created it.
pub(super) fn is_ours(found: &DescribeCollectionResponse) -> bool {
    mark_of(found).is_some()
}

/// A collection that is reused must have the type and the dimension of the data set's vectors.
fn check_reused(
    collection: &CollectionPlan,
    found: &DescribeCollectionResponse,
) -> Result<(), PrepareError> {
    let field = found
        .schema
        .iter()
        .flat_map(|schema| &schema.fields)
        .find(|field| field.name == collection.shape.vector.name);
    let Some(field) = field else {
        return Err(PrepareError::Refused(format!(
            "collection {} has no field {}: name its vector field with vector_field",
            collection.shape.name, collection.shape.vector.name
        )));
    };
    let vector_type = collection.shape.vector.vector_type;
    if field.data_type != vector_type.number() {
        let found = VectorType::all().find(|of| of.number() == field.data_type);
        let found = found.map_or_else(
            || format!("type {} of Milvus", field.data_type),
            |found| format!("type {found}"),
        );
        return Err(PrepareError::Refused(format!(
            "field {} of collection {} has {found}, the scenario's vectors have type \
             {vector_type}: write its type with vector_type",
            collection.shape.vector.name, collection.shape.name
        )));
    }
    let dim = field
        .type_params
        .iter()
        .find(|pair| pair.key == "dim")
        .and_then(|pair| pair.value.parse::<u32>().ok());
    match dim {
        Some(dim) if dim != collection.shape.vector.dim => Err(PrepareError::Refused(format!(
            "collection {} has dimension {dim}, the data set has {}: use vectors of the same \
             dimension",
            collection.shape.name, collection.shape.vector.dim
        ))),
        _ => Ok(()),
    }
}
