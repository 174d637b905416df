//! The program of the archive alone in a file system: no C library, no tool, only what a test puts
//! there.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;

use crate::{
    descriptions::root,
    packages::{Packages, run},
};

/// A folder that is a program's root folder.
pub(crate) struct Jail(TempDir);

impl Jail {
    pub(crate) fn new() -> Self {
        let jail = Self(TempDir::new().expect("a folder"));
        // A hosts file and no server of names: no question leaves the machine.
        jail.write("etc/hosts", "127.0.0.1 localhost\n127.0.0.1 milvus.test\n");
        jail.write(
            "etc/resolv.conf",
            "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n",
        );
        // Engines of containers make these; a device can't be made without root.
        let mut chance = [0; 4096];
        fs::File::open("/dev/urandom")
            .and_then(|mut device| device.read_exact(&mut chance))
            .expect("random bytes");
        jail.write("dev/random", chance);
        jail.write("dev/urandom", chance);
        jail
    }

    /// Where `file` of the jail is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file.trim_start_matches('/'))
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect(file);
    }

    /// Runs a program of the jail in its root folder. `user` takes effect where the test is root.
    pub(crate) fn run(&self, user: Option<u32>, program: &str, arguments: &[&str]) -> Output {
        run(self.command(user, program).args(arguments))
    }

    fn command(&self, user: Option<u32>, program: &str) -> Command {
        let is_root = rustix::process::getuid().is_root();
        let mut command = if is_root {
            Command::new("chroot")
        } else {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        };
        if let Some(user) = user.filter(|_| is_root) {
            command.arg(format!("--userspec={user}:{user}"));
        }
        command
            .arg(self.0.path())
            .arg(program)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LD_LIBRARY_PATH", "/modules");
        command
    }
}

/// A port of this machine, and the number of connections that `serve` was content with.
fn server(serve: impl Fn(&mut TcpStream) -> bool + Send + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            if serve(&mut stream) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (port, served)
}

/// What `doctor` in the jail says about a Milvus at `uri`, which is none.
fn doctor(jail: &Jail, uri: &str, variables: &[(&str, &str)]) -> String {
    let mut command = jail.command(None, "/milvus-bench");
    command.args(["doctor", "--uri", uri]);
    let output = run(command.envs(variables.iter().copied()));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.code().is_some(), "{}: {text}", output.status);
    text
}

fn with_program(packages: &Packages) -> Jail {
    let jail = Jail::new();
    fs::copy(packages.program(), jail.path("milvus-bench")).expect("the program");
    jail
}

/// A module of name services that ends the process that loads it, as one of another C library does.
fn trap(path: &Path) {
    let mut compile = Command::new("cc")
        .args(["-x", "c", "-shared", "-fPIC", "-nostdlib", "-o"])
        .arg(path)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler");
    compile
        .stdin
        .take()
        .expect("its input")
        .write_all(b"__attribute__((constructor)) static void loaded(void) { __builtin_trap(); }\n")
        .expect("it reads");
    assert!(compile.wait().expect("it ends").success());
}

pub(crate) fn names_are_found_where_the_machine_has_modules_of_another_c_library(
    packages: &Packages,
) {
    let jail = with_program(packages);
    fs::create_dir(jail.path("modules")).expect("a folder");
    trap(&jail.path("modules/libnss_trap.so.2"));
    jail.write(
        "etc/nsswitch.conf",
        "hosts: trap absent files dns\npasswd: trap\n",
    );
    for name in ["localhost", "milvus.test"] {
        let (port, served) = server(|_| true);
        let text = doctor(&jail, &format!("http://{name}:{port}"), &[]);
        assert_ne!(served.load(Ordering::SeqCst), 0, "{name}: {text}");
    }
    let text = doctor(&jail, "http://absent.invalid:19530", &[]);
    assert!(text.contains("absent.invalid"), "{text}");
}

fn certificate(name: &str) -> PathBuf {
    root().join("src/milvus/transport/testdata").join(name)
}

/// A server that is named milvus.test by an authority that no system trusts.
fn tls() -> ServerConfig {
    let chain =
        vec![CertificateDer::from_pem_file(certificate("server.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificate("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the certificate fits its key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Whether a client trusts the server and goes on to speak to it.
fn is_trusted(config: &Arc<ServerConfig>, stream: &mut TcpStream) -> bool {
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    let mut tls = rustls::Stream::new(&mut connection, stream);
    let mut first = [0; 14];
    tls.read_exact(&mut first).is_ok() && &first == b"PRI * HTTP/2.0"
}

pub(crate) fn an_authority_of_the_system_is_trusted(packages: &Packages) {
    let check = |jail: &Jail, variables: &[(&str, &str)], expected: bool| {
        let config = Arc::new(tls());
        let (port, served) = server(move |stream| is_trusted(&config, stream));
        let text = doctor(jail, &format!("https://milvus.test:{port}"), variables);
        assert_eq!(served.load(Ordering::SeqCst) > 0, expected, "{text}");
    };
    let jail = with_program(packages);
    let authority = fs::read(certificate("ca.pem")).expect("an authority");
    jail.write("authority.pem", &authority);
    check(&jail, &[], false);
    check(&jail, &[("SSL_CERT_FILE", "/authority.pem")], true);
    jail.write("etc/ssl/certs/ca-certificates.crt", authority);
    check(&jail, &[], true);
}
