//! The ports of a stack: which there are, whether they are free, and who holds one that is not.

use std::collections::{BTreeSet, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::StackError;

/// Every port that the stack opens; all are TCP but the three `agent_*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Ports {
    /// Milvus' gRPC, the one that clients use.
    pub milvus: u16,
    /// Milvus' metrics and health.
    pub milvus_metrics: u16,
    pub milvus_internal: u16,
    pub root_coord: u16,
    pub query_coord: u16,
    pub query_node: u16,
    pub index_node: u16,
    pub data_coord: u16,
    pub data_node: u16,
    pub etcd_client: u16,
    pub etcd_peer: u16,
    /// Jaeger's query API by gRPC.
    pub jaeger_grpc: u16,
    /// Jaeger's query API by HTTP, and its UI.
    pub jaeger_http: u16,
    /// Spans by OTLP over gRPC.
    pub otlp_grpc: u16,
    /// Spans by OTLP over HTTP.
    pub otlp_http: u16,
    /// Jaeger's health and metrics.
    pub jaeger_admin: u16,
    pub jaeger_collector_grpc: u16,
    pub jaeger_collector_http: u16,
    pub jaeger_sampling: u16,
    pub agent_compact: u16,
    pub agent_binary: u16,
    pub agent_zipkin: u16,
}

impl Default for Ports {
    /// The ports that the servers' own documentation names.
    fn default() -> Self {
        Self {
            milvus: 19530,
            milvus_metrics: 9091,
            milvus_internal: 19529,
            root_coord: 53100,
            query_coord: 19531,
            query_node: 21123,
            index_node: 21121,
            data_coord: 13333,
            data_node: 21124,
            etcd_client: 2379,
            etcd_peer: 2380,
            jaeger_grpc: 16685,
            jaeger_http: 16686,
            otlp_grpc: 4317,
            otlp_http: 4318,
            jaeger_admin: 14269,
            jaeger_collector_grpc: 14250,
            jaeger_collector_http: 14268,
            jaeger_sampling: 5778,
            agent_compact: 6831,
            agent_binary: 6832,
            agent_zipkin: 5775,
        }
    }
}

/// How a port is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    /// TCP on all interfaces.
    Everywhere,
    /// TCP on 127.0.0.1.
    Loopback,
    /// UDP on 127.0.0.1.
    Datagrams,
}

/// One port with what needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) port: u16,
    pub(super) what: &'static str,
    pub(super) listen: Listen,
}

impl Ports {
    /// Ports that are free now, as the system gives them; no two calls in one program get the
    /// same. They are not reserved: whoever binds one first has it, so use them soon.
    ///
    /// # Errors
    /// The system refuses to bind any port.
    pub fn free() -> Result<Self, StackError> {
        // Two stacks that are prepared at the same time would find the same ports free.
        static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ports = Self::default();
        // Held open until the last one is found: the system would give one that is free again.
        let mut held = Vec::new();
        for port in ports.fields() {
            *port = loop {
                let (listener, port) = any_port()
                    .map_err(|error| StackError::Ports(format!("no port is free ({error})")))?;
                held.push(listener);
                if given.insert(port) {
                    break port;
                }
            };
        }
        Ok(ports)
    }

    fn fields(&mut self) -> [&mut u16; 22] {
        [
            &mut self.milvus,
            &mut self.milvus_metrics,
            &mut self.milvus_internal,
            &mut self.root_coord,
            &mut self.query_coord,
            &mut self.query_node,
            &mut self.index_node,
            &mut self.data_coord,
            &mut self.data_node,
            &mut self.etcd_client,
            &mut self.etcd_peer,
            &mut self.jaeger_grpc,
            &mut self.jaeger_http,
            &mut self.otlp_grpc,
            &mut self.otlp_http,
            &mut self.jaeger_admin,
            &mut self.jaeger_collector_grpc,
            &mut self.jaeger_collector_http,
            &mut self.jaeger_sampling,
            &mut self.agent_compact,
            &mut self.agent_binary,
            &mut self.agent_zipkin,
        ]
    }

    /// What Milvus opens.
    pub(super) fn of_milvus(&self) -> Vec<Need> {
        let everywhere = [
            (self.milvus, "Milvus (gRPC)"),
            (self.milvus_metrics, "Milvus (metrics and health)"),
            (self.milvus_internal, "Milvus (proxy, internal)"),
            (self.root_coord, "Milvus (root coordinator)"),
            (self.query_coord, "Milvus (query coordinator)"),
            (self.query_node, "Milvus (query node)"),
            (self.index_node, "Milvus (index node)"),
            (self.data_coord, "Milvus (data coordinator)"),
            (self.data_node, "Milvus (data node)"),
        ];
        let loopback = [
            (self.etcd_client, "Milvus (etcd)"),
            (self.etcd_peer, "Milvus (etcd, peers)"),
        ];
        needs(&everywhere, Listen::Everywhere)
            .chain(needs(&loopback, Listen::Loopback))
            .collect()
    }

    /// What Jaeger opens; 2.x only a part of it.
    pub(super) fn of_jaeger(&self) -> Vec<Need> {
        let loopback = [
            (self.jaeger_grpc, "Jaeger (query, gRPC)"),
            (self.jaeger_http, "Jaeger (query, HTTP)"),
            (self.otlp_grpc, "Jaeger (OTLP, gRPC)"),
            (self.otlp_http, "Jaeger (OTLP, HTTP)"),
            (self.jaeger_admin, "Jaeger (admin)"),
            (self.jaeger_collector_grpc, "Jaeger (collector, gRPC)"),
            (self.jaeger_collector_http, "Jaeger (collector, HTTP)"),
            (self.jaeger_sampling, "Jaeger (agent, sampling)"),
        ];
        let datagrams = [
            (self.agent_compact, "Jaeger (agent, UDP)"),
            (self.agent_binary, "Jaeger (agent, UDP)"),
            (self.agent_zipkin, "Jaeger (agent, UDP)"),
        ];
        needs(&loopback, Listen::Loopback)
            .chain(needs(&datagrams, Listen::Datagrams))
            .collect()
    }
}

fn any_port() -> std::io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn needs(rows: &[(u16, &'static str)], listen: Listen) -> impl Iterator<Item = Need> {
    rows.iter()
        .map(move |&(port, what)| Need { port, what, listen })
}

/// Whether none of them is in use.
pub(super) fn all_free(needs: &[Need]) -> bool {
    needs.iter().all(is_free)
}

/// Refuses when one of `needs` is taken; the error names port, need and, where the system lets it
/// be read, the holder.
pub(super) fn check_free(needs: &[Need]) -> Result<(), StackError> {
    let mut taken: Vec<(Option<Holder>, Vec<&Need>)> = Vec::new();
    for need in needs.iter().filter(|need| !is_free(need)) {
        let holder = holder(need);
        match taken.iter_mut().find(|(known, _)| *known == holder) {
            Some((_, held)) => held.push(need),
            None => taken.push((holder, vec![need])),
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = taken
        .iter()
        .filter_map(|(holder, held)| describe(holder.as_ref(), held))
        .collect();
    Err(StackError::Ports(parts.join("; ")))
}

/// A process as /proc shows it: pid and name.
type Holder = (u32, String);

/// The first port with what needs it, others of the same holder by number only: a second stack
/// takes twenty.
fn describe(holder: Option<&Holder>, held: &[&Need]) -> Option<String> {
    let (first, others) = held.split_first()?;
    let kind = if first.listen == Listen::Datagrams {
        "UDP port"
    } else {
        "port"
    };
    let holder = holder.map_or_else(
        || "another process".to_owned(),
        |(pid, name)| format!("{name} (pid {pid})"),
    );
    let others: Vec<String> = others.iter().map(|need| need.port.to_string()).collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!(
            ", and so are {}, which the stack needs too",
            others.join(", ")
        )
    };
    Some(format!(
        "{kind} {} that {} needs is in use by {holder}{others}",
        first.port, first.what
    ))
}

/// Binding is the only answer that also counts listeners of other network users. The listener is
/// closed at once; a bound port without connections leaves no TIME_WAIT behind. std sets
/// SO_REUSEADDR, as Go does, so TIME_WAIT of an earlier stack is no obstacle here either.
fn is_free(need: &Need) -> bool {
    let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, need.port));
    let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, need.port));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, need.port));
    match need.listen {
        Listen::Everywhere => {
            TcpListener::bind(any4).is_ok() && in_use_is_the_only_obstacle(TcpListener::bind(any6))
        }
        Listen::Loopback => TcpListener::bind(local).is_ok(),
        Listen::Datagrams => UdpSocket::bind(local).is_ok(),
    }
}

/// A machine without IPv6 refuses every IPv6 address: that says nothing about the port.
fn in_use_is_the_only_obstacle(bound: std::io::Result<TcpListener>) -> bool {
    !matches!(bound, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

/// The first process that listens on the port, as far as /proc shows it to this user.
fn holder(need: &Need) -> Option<Holder> {
    holders(need).into_iter().next()
}

/// Pid and name of every process that listens on a TCP port, as far as /proc shows them to this
/// user.
#[must_use]
pub fn listeners(port: u16) -> Vec<(u32, String)> {
    holders(&Need {
        port,
        what: "",
        listen: Listen::Everywhere,
    })
}

fn holders(need: &Need) -> Vec<Holder> {
    let tables: [&str; 2] = match need.listen {
        Listen::Datagrams => ["/proc/net/udp", "/proc/net/udp6"],
        Listen::Everywhere | Listen::Loopback => ["/proc/net/tcp", "/proc/net/tcp6"],
    };
    let inodes: HashSet<String> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, need.port, need.listen == Listen::Datagrams))
        .collect();
    if inodes.is_empty() {
        return Vec::new();
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| holds_one_of(*pid, &inodes))
        .map(|pid| (pid, name_of(pid)))
        .collect()
}

/// The name is chosen by the process: it goes to a terminal only as plain characters.
fn name_of(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .collect();
    if name.is_empty() {
        "a process".to_owned()
    } else {
        name
    }
}

/// Inodes of the sockets that wait on `port` in a table of /proc/net (columns: sl local remote st
/// ... inode as the tenth).
fn listening_inodes(table: &str, port: u16, datagrams: bool) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let waits = datagrams || columns.get(3) == Some(&"0A");
            (waits && columns.get(1)?.ends_with(&suffix))
                .then(|| columns.get(9).map(|inode| format!("socket:[{inode}]")))?
        })
        .collect()
}

fn holds_one_of(pid: u32, inodes: &HashSet<String>) -> bool {
    let Ok(entries) = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")) else {
        return false;
    };
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .any(|target| {
            target
                .to_str()
                .is_some_and(|target| inodes.contains(target))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(port: u16, listen: Listen) -> Need {
        Need {
            port,
            what: "Milvus (test)",
            listen,
        }
    }

    /// A child that another test forks at this moment holds a closed listener until it becomes its
    /// program.
    fn until_free(need: &Need) {
        let free = (0..1_000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            check_free(std::slice::from_ref(need)).is_ok()
        });
        assert!(free, "{need:?}");
    }

    fn check_taken(address: &str, listen: Listen) {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = check_free(&[need(port, listen)]).unwrap_err().to_string();
        let me = std::process::id();
        assert!(
            text.contains(&format!(
                "port {port} that Milvus (test) needs is in use by"
            )),
            "{text}"
        );
        assert!(text.contains(&format!("(pid {me})")), "{text}");
        drop(listener);
        until_free(&need(port, listen));
    }

    #[test]
    fn a_listener_on_loopback_blocks_both_kinds() {
        check_taken("127.0.0.1:0", Listen::Loopback);
        check_taken("127.0.0.1:0", Listen::Everywhere);
    }

    #[test]
    fn a_listener_everywhere_blocks_both_kinds() {
        check_taken("0.0.0.0:0", Listen::Loopback);
        check_taken("0.0.0.0:0", Listen::Everywhere);
    }

    #[test]
    fn a_datagram_socket_is_seen_and_named() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let text = check_free(&[need(port, Listen::Datagrams)])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains(&format!("UDP port {port}")) && text.contains("pid"),
            "{text}"
        );
        // TCP is another matter.
        until_free(&need(port, Listen::Loopback));
    }

    #[test]
    fn all_taken_ports_are_named_at_once() {
        let (one, two) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let ports = [&one, &two].map(|listener| listener.local_addr().unwrap().port());
        let text = check_free(&ports.map(|port| need(port, Listen::Loopback)))
            .unwrap_err()
            .to_string();
        let [first, second] = ports;
        assert!(
            text.starts_with(&format!(
                "port {first} that Milvus (test) needs is in use by "
            )),
            "{text}"
        );
        assert!(
            text.contains(&format!(
                ", and so are {second}, which the stack needs too; stop"
            )),
            "{text}"
        );
    }

    #[test]
    fn free_ports_are_different() {
        let mut ports = Ports::free().unwrap();
        let different: HashSet<u16> = ports.fields().into_iter().map(|port| *port).collect();
        assert_eq!(different.len(), 22);
        assert!(!different.contains(&0));
    }

    #[test]
    fn every_port_is_needed_by_one() {
        let mut ports = Ports::default();
        let mut needed: Vec<u16> = ports
            .of_milvus()
            .iter()
            .chain(&ports.of_jaeger())
            .map(|need| need.port)
            .collect();
        let mut all: Vec<u16> = ports.fields().into_iter().map(|port| *port).collect();
        needed.sort_unstable();
        all.sort_unstable();
        assert_eq!(needed, all);
    }

    const TABLE: &str = "  \
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4C4A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0
   1: 0100007F:4C4A 0100007F:8235 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0
   2: broken";

    #[test]
    fn only_listeners_count_among_tcp_sockets() {
        assert_eq!(listening_inodes(TABLE, 19530, false), ["socket:[111]"]);
        assert_eq!(listening_inodes(TABLE, 19530, true).len(), 2);
        assert!(listening_inodes(TABLE, 19531, false).is_empty());
        assert!(listening_inodes("", 1, false).is_empty());
    }
}
