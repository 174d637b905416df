//! Real TLS servers: Go's, gRPC's C-core by Python, and OpenSSL's. Each program serves all of its
//! faults on ports of its own and ends with the value that started it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use tempfile::TempDir;

/// As tests/field.sh has it.
const GRPCIO: &str = "grpcio==1.85.3";

/// A process that is ended with this value, also by a panic.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every server, started once.
pub(crate) struct Servers {
    folder: TempDir,
    /// Server and fault.
    ports: BTreeMap<(&'static str, String), u16>,
    _running: Vec<Ended>,
}

/// OpenSSL's servers: fault, certificate, further options.
const OPENSSL: &[(&str, &str, &[&str])] = &[
    (
        "client-cert",
        "server",
        &["-Verify", "1", "-CAfile", "ca.pem", "-alpn", "h2"],
    ),
    (
        "client-cert-no-alpn",
        "server",
        &["-Verify", "1", "-CAfile", "ca.pem"],
    ),
    (
        "client-cert-refused",
        "server",
        &[
            "-Verify",
            "1",
            "-verify_return_error",
            "-CAfile",
            "ca.pem",
            "-alpn",
            "h2",
        ],
    ),
    (
        "client-cert-1.2",
        "server",
        &["-Verify", "1", "-CAfile", "ca.pem", "-tls1_2"],
    ),
    ("http1", "server", &["-alpn", "http/1.1"]),
    ("no-alpn", "server", &[]),
    ("web", "server", &["-alpn", "h2"]),
    (
        "old-version",
        "server",
        &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
    ),
    ("ca-true", "ca-true", &[]),
    ("self-signed", "self-signed", &[]),
    ("v1", "v1", &[]),
    ("expired", "expired", &[]),
    ("future", "future", &[]),
    ("other-name", "other-name", &[]),
    ("no-name", "no-name", &[]),
];

impl Servers {
    /// Starts all; behind the servers without a fault is the plain server at `upstream`.
    pub(crate) fn start(upstream: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certs = folder.path();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
        run(Command::new("bash")
            .arg(sources.join("make_certs.sh"))
            .arg(certs));
        let go = folder.path().join("tlsservers");
        run(Command::new("go")
            .args(["build", "-o"])
            .arg(&go)
            .arg(".")
            .env("CGO_ENABLED", "0")
            .current_dir(sources.join("go")));
        let (mut ports, mut running) = (BTreeMap::new(), Vec::new());
        let mut many = |server: &'static str, command: &mut Command| {
            let (child, said) = serve(command, "ready");
            for line in said {
                let (fault, port) = line.split_once(' ').expect("a name and a port");
                let port = port.parse().expect("a port");
                ports.insert((server, fault.to_owned()), port);
            }
            running.push(child);
        };
        many("Go", Command::new(go).arg(certs).arg(upstream));
        let script = sources.join("grpc_servers.py");
        many("C-core", Command::new(python()).arg(script).arg(certs));
        for (fault, certificate, options) in OPENSSL {
            let mut command = Command::new("openssl");
            command
                .args(["s_server", "-www", "-accept", "127.0.0.1:0"])
                .args(["-cert", &format!("{certificate}.pem")])
                .args(["-key", &format!("{certificate}.key")])
                .args(*options)
                .current_dir(certs);
            let (child, said) = serve(&mut command, "ACCEPT");
            let port = said.last().and_then(|line| line.rsplit_once(':'));
            let port = port
                .and_then(|(_, port)| port.parse().ok())
                .expect("a port");
            ports.insert(("OpenSSL", (*fault).to_owned()), port);
            running.push(child);
        }
        Self {
            folder,
            ports,
            _running: running,
        }
    }

    /// A file of certificates, keys or of the test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where `server` shows `fault`.
    pub(crate) fn port(&self, server: &'static str, fault: &str) -> u16 {
        *self
            .ports
            .get(&(server, fault.to_owned()))
            .unwrap_or_else(|| panic!("no {server} with {fault}"))
    }
}

/// Starts `command`, and waits for a line that begins with `last`: the lines up to it. Of `ready`
/// the line itself is none of them.
fn serve(command: &mut Command, last: &str) -> (Ended, Vec<String>) {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    let mut child = Ended(child);
    let stdout = child.0.stdout.take().expect("it is piped");
    let mut said = Vec::new();
    let mut lines = BufReader::new(stdout).lines();
    loop {
        let line = lines.next().and_then(Result::ok);
        let line = line.unwrap_or_else(|| panic!("{command:?} ended: {said:?}"));
        let is_last = line.starts_with(last);
        if !is_last || last != "ready" {
            said.push(line);
        }
        if is_last {
            break;
        }
    }
    // What it says later is read away: a full pipe would hold it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, said)
}

/// The Python of a virtual environment in the cache folder that has grpcio.
fn python() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    let cache = std::env::var_os("MILVUS_BENCH_CACHE").map(PathBuf::from);
    let cache = cache
        .or_else(|| dirs::cache_dir().map(|folder| folder.join("milvus-bench")))
        .expect("a cache folder");
    let venv = cache.join("tls-venv");
    let python = venv.join("bin/python");
    let has_it = Command::new(&python)
        .args(["-c", "import grpc"])
        .stderr(Stdio::null())
        .status();
    if !has_it.is_ok_and(|status| status.success()) {
        std::fs::create_dir_all(&cache).expect("the cache folder");
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", GRPCIO]));
    }
    python
}

/// Runs `command`; a panic with what it wrote where it failed.
fn run(command: &mut Command) {
    let ended = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    assert!(
        ended.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}
