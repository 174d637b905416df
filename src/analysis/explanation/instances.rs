//! The latency breakdown by instance: one slow query node must not hide in the mean of all.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::{
    explanation::tail::Sides,
    figures::quantiles::us,
    model::{InstanceShare, NodeCalls},
    requests::request::Request,
    traces::parts::InstanceTable,
};

/// One row per (area, service, instance) that occurs, in that order.
pub(crate) fn instances(
    requests: &[Request],
    sides: &Sides<'_>,
    table: &InstanceTable,
) -> Vec<InstanceShare> {
    let matched: Vec<&Request> = requests
        .iter()
        .filter(|request| request.matched().is_some())
        .collect();
    let all = means(&matched);
    let (tail, body) = if sides.too_small() {
        (None, None)
    } else {
        (Some(means(&sides.tail)), Some(means(&sides.body)))
    };
    let of = |side: &Option<BTreeMap<u32, f64>>, number: u32| {
        side.as_ref()
            .map(|means| means.get(&number).copied().unwrap_or(0.0))
    };
    let sorted: BTreeSet<_> = all
        .keys()
        .map(|number| (table.key(*number), *number))
        .collect();
    sorted
        .into_iter()
        .map(|(key, number)| InstanceShare {
            area: key.area.name().to_owned(),
            service: key.service.clone(),
            instance: key.instance.clone(),
            mean_us: all.get(&number).copied().unwrap_or(0.0),
            tail_mean_us: of(&tail, number),
            body_mean_us: of(&body, number),
        })
        .collect()
}

/// One row per instance that was called, in the order of service and instance.
pub(crate) fn node_calls(
    calls: &BTreeMap<u32, (u64, u64, u64)>,
    table: &InstanceTable,
) -> Vec<NodeCalls> {
    let sorted: BTreeMap<_, _> = calls
        .iter()
        .map(|(number, calls)| (table.key(*number), *calls))
        .collect();
    sorted
        .into_iter()
        .map(|(key, (calls, sum, longest))| NodeCalls {
            service: key.service.clone(),
            instance: key.instance.clone(),
            calls,
            mean_us: us(sum) / calls.max(1) as f64,
            max_us: us(longest),
        })
        .collect()
}

fn means(requests: &[&Request]) -> BTreeMap<u32, f64> {
    let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
    for account in requests.iter().filter_map(|request| request.matched()) {
        for (instance, ns) in &account.instances {
            *sums.entry(*instance).or_default() += i128::from(*ns);
        }
    }
    sums.into_iter()
        .map(|(instance, sum)| (instance, us(sum) / requests.len() as f64))
        .collect()
}
