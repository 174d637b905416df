//! Milvus 2.3.5 as a process: its settings.
//!
//! The binary of the PyPI package is started directly, not through the package's `milvus-server`:
//! that wrapper unpacks 250 MB at each new data folder, silently takes the next free metrics port
//! when its own is busy, can't move the embedded etcd, and leaves its child behind when it is
//! killed. Everything that it would write into milvus.yaml is set by environment variables, which
//! win over the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::health::Health;
use super::process::Program;
use super::{Ports, StackError};

/// The version that is installed.
pub(super) const VERSION: &str = "2.3.5";

/// What there is to say about every stack.
pub(super) const EXPOSED: &str = "this Milvus listens on all interfaces without a password, and \
                                  has no setting to change that: use it on a trusted network only";

/// An installed Milvus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) binary: PathBuf,
    /// Libraries of the binary.
    pub(super) libraries: PathBuf,
    /// Folder with milvus.yaml.
    pub(super) configs: PathBuf,
}

/// Files of one stack's Milvus below the stack's folder.
fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Writes the file that moves the embedded etcd (no setting of Milvus does) and returns what to
/// start.
pub(super) fn program(
    installed: &Installed,
    folder: &Path,
    ports: &Ports,
    otlp: &str,
) -> Result<Program, StackError> {
    let data = data(folder);
    super::state::create_folder(&data)?;
    let etcd = data.join("etcd.yaml");
    std::fs::write(&etcd, etcd_file(&data.join("etcd"), ports))
        .map_err(StackError::file("write", &etcd))?;
    Ok(Program {
        name: "Milvus",
        path: installed.binary.clone(),
        arguments: vec!["run".to_owned(), "standalone".to_owned()],
        environment: environment(installed, folder, ports, otlp),
        folder: data,
        log: folder.join("logs/milvus.log"),
        address: format!("127.0.0.1:{}", ports.milvus),
        memory_kib: None,
        // SIGTERM and SIGINT lead to an abort with a dump of all goroutines, after up to half a
        // minute. Its data are thrown away with it: this version does not start again on the data
        // folder of a killed one.
        ends_in_order: false,
    })
}

/// When Milvus is ready: all its components report health, and clients can connect.
pub(super) fn health(ports: &Ports) -> Health {
    Health {
        port: ports.milvus_metrics,
        path: "/healthz".to_owned(),
        word: "OK",
        open: vec![ports.milvus],
    }
}

/// JSON is YAML, and quotes any path.
fn etcd_file(data: &Path, ports: &Ports) -> String {
    let (client, peer) = (
        format!("http://127.0.0.1:{}", ports.etcd_client),
        format!("http://127.0.0.1:{}", ports.etcd_peer),
    );
    serde_json::json!({
        "name": "default",
        "data-dir": data,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": format!("default={peer}"),
    })
    .to_string()
}

fn environment(
    installed: &Installed,
    folder: &Path,
    ports: &Ports,
    otlp: &str,
) -> BTreeMap<String, String> {
    let data = data(folder);
    let path = |path: PathBuf| path.display().to_string();
    let mut set: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |key: &str, value: String| drop(set.insert(key.to_owned(), value));
    put("LD_LIBRARY_PATH", path(installed.libraries.clone()));
    put("MILVUSCONF", path(installed.configs.clone()));
    put("MILVUS_RUN_DIR", path(data.join("run")));
    put("DEPLOY_MODE", "STANDALONE".to_owned());
    put("METRICS_PORT", ports.milvus_metrics.to_string());
    put("LOG_FILE_ROOTPATH", path(folder.join("logs")));
    put("ETCD_USE_EMBED", "true".to_owned());
    put("ETCD_CONFIG_PATH", path(data.join("etcd.yaml")));
    put("ETCD_DATA_DIR", path(data.join("etcd")));
    put("ETCD_ENDPOINTS", format!("127.0.0.1:{}", ports.etcd_client));
    put("ETCD_LOG_PATH", path(folder.join("logs/etcd.log")));
    put("COMMON_STORAGETYPE", "local".to_owned());
    put("LOCALSTORAGE_PATH", path(data.join("storage")));
    put("MQ_TYPE", "rocksmq".to_owned());
    put("ROCKSMQ_PATH", path(data.join("rocksmq")));
    put("PROXY_PORT", ports.milvus.to_string());
    put("PROXY_INTERNALPORT", ports.milvus_internal.to_string());
    put("ROOTCOORD_PORT", ports.root_coord.to_string());
    put("QUERYCOORD_PORT", ports.query_coord.to_string());
    put("QUERYNODE_PORT", ports.query_node.to_string());
    put("INDEXNODE_PORT", ports.index_node.to_string());
    put("DATACOORD_PORT", ports.data_coord.to_string());
    put("DATANODE_PORT", ports.data_node.to_string());
    // Without these each component registers the machine's first outside address and may find
    // itself unreachable.
    for role in [
        "ROOTCOORD",
        "PROXY",
        "QUERYCOORD",
        "QUERYNODE",
        "INDEXNODE",
        "DATACOORD",
        "DATANODE",
        "INDEXCOORD",
    ] {
        put(&format!("{role}_IP"), "127.0.0.1".to_owned());
    }
    put("TRACE_EXPORTER", "otlp".to_owned());
    put("TRACE_OTLP_ENDPOINT", otlp.to_owned());
    put("TRACE_OTLP_SECURE", "false".to_owned());
    // The client decides: its sampled requests are traced, Milvus starts no traces of its own.
    put("TRACE_SAMPLEFRACTION", "0".to_owned());
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_is_moved_with_all_its_addresses() {
        let ports = Ports {
            etcd_client: 1,
            etcd_peer: 2,
            ..Ports::default()
        };
        let file: serde_json::Value =
            serde_json::from_str(&etcd_file(Path::new("/a \"b"), &ports)).unwrap();
        assert_eq!(file["data-dir"], "/a \"b");
        assert_eq!(file["listen-client-urls"], "http://127.0.0.1:1");
        assert_eq!(file["initial-cluster"], "default=http://127.0.0.1:2");
    }

    #[test]
    fn every_port_of_milvus_is_set() {
        let installed = Installed {
            binary: "/b/milvus".into(),
            libraries: "/b".into(),
            configs: "/c".into(),
        };
        let set = environment(
            &installed,
            Path::new("/f"),
            &Ports::default(),
            "127.0.0.1:4317",
        );
        for need in Ports::default()
            .of_milvus()
            .iter()
            .filter(|need| need.port != 2380)
        {
            let port = need.port.to_string();
            assert!(
                set.values()
                    .any(|value| *value == port || value.ends_with(&format!(":{port}"))),
                "{} is not set",
                need.what
            );
        }
        assert_eq!(set["TRACE_OTLP_ENDPOINT"], "127.0.0.1:4317");
        assert_eq!(set["TRACE_SAMPLEFRACTION"], "0");
    }
}
