//! Which processes of this machine are the run's Milvus and Jaeger: those that listen where the
//! scenario says. What can't be seen that way, such as a port of Docker, is looked for by its name.

use std::{
    net::{IpAddr, UdpSocket},
    time::Duration,
};

use super::procfs::read;
use crate::{
    plan::Plan,
    record::LocalServer,
    stack::{self, StackOptions},
};

pub(super) const MILVUS: &str = "Milvus";
pub(super) const JAEGER: &str = "Jaeger";

/// What stands between a port of this machine and a container, and is no server itself.
const PROXIES: [&str; 4] = ["docker-proxy", "rootlessport", "slirp4netns", "kubectl"];

/// Time for looking up a name, which the connection has looked up before.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The servers of `plan` that run here.
pub(super) async fn find(plan: &Plan) -> Vec<LocalServer> {
    let mut found = Vec::new();
    found.extend(server(MILVUS, &plan.milvus.uri).await);
    let spans = plan
        .tracing
        .reads_spans()
        .then_some(&plan.tracing.endpoint)
        .into_iter()
        .flatten();
    let mut back_ends: Vec<LocalServer> = Vec::new();
    for endpoint in plan
        .tracing
        .export
        .iter()
        .map(|export| &export.endpoint)
        .chain(spans)
    {
        let new = |server: &LocalServer| back_ends.iter().all(|known| known.pids != server.pids);
        let server = server(JAEGER, endpoint).await.filter(new);
        back_ends.extend(server);
    }
    if back_ends.is_empty() {
        back_ends.extend(jaeger_of_stack(&found).await);
    }
    // A process that is both, such as a fake of a test, counts once.
    let milvus: Vec<u32> = found
        .iter()
        .flat_map(|server| server.pids.clone())
        .collect();
    back_ends
        .iter_mut()
        .for_each(|server| server.pids.retain(|pid| !milvus.contains(pid)));
    found.extend(
        back_ends
            .into_iter()
            .filter(|server| !server.pids.is_empty()),
    );
    found
}

/// The server at `uri`, if it runs on this machine. This program itself is none.
async fn server(name: &str, uri: &str) -> Option<LocalServer> {
    let url = url::Url::parse(uri).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, port)))
        .await
        .ok()?
        .ok()?;
    if !addresses
        .map(|address| address.ip())
        .any(is_of_this_machine)
    {
        return None;
    }
    let me = std::process::id();
    let listeners = stack::listeners(port);
    let is_proxy = |comm: &str| {
        PROXIES
            .iter()
            .any(|proxy| proxy.starts_with(comm) && !comm.is_empty())
    };
    let pids: Vec<u32> = listeners
        .iter()
        .filter(|(_, comm)| !is_proxy(comm))
        .map(|(pid, _)| *pid)
        .collect();
    if !pids.is_empty() {
        let pids: Vec<u32> = pids.into_iter().filter(|pid| *pid != me).collect();
        let how = format!("listens at {host}:{port}");
        return (!pids.is_empty()).then(|| LocalServer {
            name: name.to_owned(),
            pids,
            how,
        });
    }
    let prefix = name.to_lowercase();
    let pids = pids_called(|comm| comm.starts_with(&prefix));
    let how =
        format!("by its name, since the process that listens at {host}:{port} can't be identified");
    (!pids.is_empty()).then(|| LocalServer {
        name: name.to_owned(),
        pids,
        how,
    })
}

/// The Jaeger that was started together with the Milvus that was found.
async fn jaeger_of_stack(found: &[LocalServer]) -> Option<LocalServer> {
    let milvus = found.first()?;
    let status = stack::status(&StackOptions::default_ports().ok()?.folder).await;
    let alive = |name: &str| {
        status
            .processes
            .iter()
            .filter(|process| process.alive && process.name == name)
            .map(|process| process.pid)
            .collect()
    };
    let ours: Vec<u32> = alive(MILVUS);
    let pids: Vec<u32> = alive(JAEGER);
    let is_ours = ours.iter().any(|pid| milvus.pids.contains(pid)) && !pids.is_empty();
    is_ours.then(|| LocalServer {
        name: JAEGER.to_owned(),
        pids,
        how: "of the stack".to_owned(),
    })
}

/// Whether a program could listen at `ip` here: then it can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// Processes with such a name.
fn pids_called(fits: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // Names are chosen by processes: this program's own begins like Milvus'.
    let me = std::process::id();
    pids.filter(|pid| *pid != me)
        .filter(|pid| {
            read(&format!("/proc/{pid}/comm"))
                .is_some_and(|comm| fits(comm.trim()) && !comm.starts_with("milvus-bench"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uri: &str) -> Option<LocalServer> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(server(MILVUS, uri))
    }

    #[test]
    fn addresses_of_this_machine_are_known_and_others_are_not() {
        assert!(
            ["127.0.0.1", "127.9.9.9", "::1"]
                .iter()
                .all(|ip| is_of_this_machine(ip.parse().unwrap()))
        );
        // Of a block that is set aside for documents.
        assert!(!is_of_this_machine("192.0.2.7".parse().unwrap()));
        assert_eq!(found("http://192.0.2.7:19530"), None);
        assert_eq!(found("nonsense"), None);
    }

    #[test]
    fn a_server_within_this_program_is_no_server_of_the_machine() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert_eq!(
            found(&format!(
                "http://127.0.0.1:{}",
                listener.local_addr().unwrap().port()
            )),
            None
        );
    }
}
