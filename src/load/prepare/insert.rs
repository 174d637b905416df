//! Filling a collection: batches are pipelined, and a server that asks to come again later is
//! waited for.

use std::time::Duration;

use super::{
    PrepareError,
    patience::Patience,
    steps::{PrepareContext, Step, StepEnd, StepRequest},
};
use crate::{
    load::request::outcome_of,
    milvus::{Call, CallFailure, Transport},
    operation::{Finished, insert_call, inserted, rows_per_batch},
    plan::CollectionPlan,
    record::Outcome,
    telemetry::TraceParent,
};
use futures_util::stream::{FuturesUnordered, StreamExt};

/// Batches in flight at one time.
const PIPELINE: usize = 4;

/// Timeout of one batch: the server may be flushing.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Inserts the initial rows.
pub(super) async fn insert_rows(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
) -> Result<(), PrepareError> {
    let batch = rows_per_batch(&collection.shape);
    let mut in_flight = FuturesUnordered::new();
    let (mut next, mut done) = (0, 0);
    let mut patience = Patience::new(collection);
    while done < collection.initial_rows {
        if context.is_stopped() {
            return Err(PrepareError::Interrupted);
        }
        while in_flight.len() < PIPELINE && next < collection.initial_rows {
            let count = batch.min(collection.initial_rows - next);
            let call = body(collection, next, count)?;
            next += count;
            let request = context.begin(collection, Step::Insert);
            in_flight.push(send(context.transport.clone(), call, request));
        }
        let Some(mut sent) = in_flight.next().await else {
            break;
        };
        if let Err(failure) = &sent.result
            && patience.allows(context, "Insert", failure).await
        {
            // What is recorded is the last attempt.
            in_flight.push(send(context.transport.clone(), sent.call, sent.request));
            continue;
        }
        sent.result = sent.result.map_err(|failure| patience.last(failure));
        done += take(context, collection, sent)?;
        patience = Patience::new(collection);
        context.say(format!(
            "{}: {done} of {} rows",
            collection.shape.name, collection.initial_rows
        ));
    }
    Ok(())
}

fn body(collection: &CollectionPlan, first: u64, count: u64) -> Result<Call, PrepareError> {
    insert_call(&collection.shape, first, count)
        .map_err(|error| PrepareError::NotReady(error.to_string()))
}

struct Sent {
    call: Call,
    request: StepRequest,
    end: StepEnd,
    result: Result<Finished, CallFailure>,
}

/// Sends one batch.
async fn send(transport: Transport, call: Call, request: StepRequest) -> Sent {
    let context = TraceParent::new(request.ids, request.sampled);
    let connection = usize::try_from(request.seq).unwrap_or(0) % transport.connections().max(1);
    let reply = transport
        .call(connection, &call, context.as_bytes(), TIMEOUT)
        .await;
    let response_bytes = reply.result.as_ref().map_or(0, bytes::Bytes::len);
    let result = reply.result.and_then(inserted);
    let outcome = result
        .as_ref()
        .map_or_else(|failure| outcome_of(failure.error), |_| Outcome::Ok);
    let rows = result.as_ref().map_or(0, |finished| finished.rows);
    let end = StepEnd {
        sent: reply.sent,
        done: reply.done,
        outcome,
        request_bytes: call.body.len(),
        response_bytes,
        rows,
    };
    Sent {
        call,
        request,
        end,
        result,
    }
}

fn take(
    context: &mut PrepareContext<'_>,
    collection: &CollectionPlan,
    sent: Sent,
) -> Result<u64, PrepareError> {
    context.record(sent.request, sent.end);
    match sent.result {
        Ok(finished) => Ok(u64::from(finished.rows)),
        Err(failure) => {
            context.keep_error(sent.request.stream, sent.end.outcome, &failure.text);
            let error = crate::milvus::SetupError {
                method: "Insert",
                failure,
            };
            Err(PrepareError::Call {
                collection: collection.shape.name.clone(),
                error,
            })
        }
    }
}
