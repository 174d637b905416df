//! The commands that look at servers or at a run that is over.

use crate::run::measured;
use crate::servers::{Servers, free_address};

pub(crate) fn status_says_healthy(servers: &Servers) {
    let status = servers.status();
    assert!(status.healthy && status.problem.is_none(), "{status:?}");
    let names: Vec<&str> = status
        .processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["Jaeger", "Milvus"],
        "Jaeger first: Milvus loses what it can't send"
    );
    assert!(status.processes.iter().all(|process| process.alive));
    assert_eq!(
        status
            .stack
            .map(|stack| (stack.milvus_uri, stack.jaeger_grpc)),
        Some((
            servers.stack.milvus_uri.clone(),
            servers.stack.jaeger_grpc.clone()
        ))
    );
}

pub(crate) fn doctor_finds_every_link_ok(servers: &Servers) {
    let arguments = [
        "doctor",
        "--uri",
        &servers.stack.milvus_uri,
        "--spans",
        servers.jaeger_grpc(),
        "--otlp",
        &servers.stack.otlp,
    ];
    let ended = servers.bench.call(&arguments).with_code(0);
    let links: Vec<&str> = ended.stdout.lines().collect();
    assert!(links.len() >= 5, "{}", ended.stdout);
    assert!(
        links.iter().all(|line| line.starts_with("ok ")),
        "{}",
        ended.told()
    );
    assert!(ended.stdout.contains("standalone"), "{}", ended.stdout);
}

pub(crate) fn doctor_names_a_closed_jaeger(servers: &Servers) {
    let closed = format!("http://{}", free_address());
    let arguments = [
        "doctor",
        "--uri",
        &servers.stack.milvus_uri,
        "--spans",
        &closed,
        "--otlp",
        &servers.stack.otlp,
        "--deadline",
        "3",
    ];
    let ended = servers.bench.call(&arguments).with_code(1);
    let failed: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(
        failed.iter().any(|line| line.contains("span source")),
        "{}",
        ended.told()
    );
    let milvus = ended
        .stdout
        .lines()
        .find(|line| line.contains("Milvus"))
        .unwrap_or_default();
    assert!(milvus.starts_with("ok "), "{}", ended.told());
}

pub(crate) fn report_is_rendered_again_byte_for_byte(servers: &Servers) {
    let run = servers.quickstart();
    let stored = || (run.bytes("report.txt"), run.bytes("report.json"));
    let before = stored();
    let ended = servers
        .bench
        .call(&["report", &run.argument()])
        .with_code(0);
    assert_eq!(ended.stdout.as_bytes(), before.0, "{}", ended.stdout);
    assert!(stored() == before, "report.txt or report.json has changed");
}

pub(crate) fn trace_draws_a_search(servers: &Servers) {
    let run = servers.quickstart();
    let exemplars = |operation: &str| {
        let workloads = measured(&run.report)
            .filter(move |workload| operation.is_empty() || workload.operation == operation);
        let slowest = workloads
            .flat_map(|workload| &workload.exemplars)
            .filter(|exemplar| exemplar.label == "slowest");
        slowest
            .max_by(|a, b| a.latency_us.total_cmp(&b.latency_us))
            .expect("a slowest request")
            .trace_id
            .clone()
    };
    let ended = servers
        .bench
        .call(&["trace", &run.argument(), "slowest"])
        .with_code(0);
    assert!(
        ended.stdout.contains(&exemplars("")) && ended.stdout.contains("Proxy-"),
        "{}",
        ended.stdout
    );
    let ended = servers
        .bench
        .call(&["trace", &run.argument(), &exemplars("search")])
        .with_code(0);
    for word in ["Proxy-Search", "critical path", "matched"] {
        assert!(
            ended.stdout.contains(word),
            "{word} is not in\n{}",
            ended.stdout
        );
    }
}
