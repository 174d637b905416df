//! Whole stacks with fakes in place of the servers: scripts that become this test program, which
//! then serves a health page.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::*;

/// Writes an executable shell script, by another process: a file that this program had open for
/// writing could be held open by a child that another test forks at that moment, and would then not
/// run ("text file busy").
pub(super) fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let status = std::process::Command::new("/bin/sh")
        .args([
            "-c",
            r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#,
        ])
        .arg(&path)
        .arg(text)
        .status();
    assert!(status.unwrap().success());
    path
}

/// Not a test of its own: the server that the scripts below become.
#[test]
fn fake_server() {
    let Ok(ports) = std::env::var("FAKE_PORTS") else {
        return;
    };
    let bind = |port: &str| {
        let port: u16 = port.parse().unwrap();
        // A child that another test forked while the port was looked at holds it until it becomes
        // its program.
        let listener = (0..1_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            TcpListener::bind(("127.0.0.1", port)).ok()
        });
        listener.unwrap()
    };
    let mut listeners: Vec<TcpListener> = ports.split(' ').map(bind).collect();
    let health = listeners.remove(0);
    health.set_nonblocking(true).unwrap();
    // Until its starter ends, so that none outlives a test run that was killed.
    let starter = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == starter {
        if let Ok((mut stream, _)) = health.accept() {
            // Closing with an unread request would reset the connection before the answer is read.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nOK");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serve(ports: &str) -> String {
    let me = std::env::current_exe().unwrap();
    format!(
        "export FAKE_PORTS=\"{ports}\"; exec '{}' --exact stack::tests::fake_server --nocapture",
        me.display()
    )
}

fn healthy_milvus() -> String {
    serve("$METRICS_PORT $PROXY_PORT")
}

fn healthy_jaeger() -> String {
    let words =
        "--admin.http.host-port --query.grpc-server.host-port --collector.otlp.grpc.host-port";
    let cases = r#"--admin.http*) A=${a##*:};; --query.grpc*) Q=${a##*:};;
        --collector.otlp.grpc*) O=${a##*:};;"#;
    let answers = format!(
        r#"--help) echo "{words}"; exit;; version) echo '{{"gitVersion":"v1.46.0"}}'; exit;;"#
    );
    format!(
        "for a in \"$@\"; do case $a in {cases} {answers} esac; done; {}",
        serve("$A $Q $O")
    )
}

/// A scratch folder with an "installed" Milvus and a Jaeger beside it; ends the stack when dropped,
/// before the folder goes.
struct Scratch {
    options: StackOptions,
    _guard: StackGuard,
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new(milvus: &str, jaeger: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let bin = cache.join("milvus-2.3.5/server/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(cache.join("milvus-2.3.5/complete"), "2.3.5").unwrap();
        script(&bin, "milvus", milvus);
        let jaeger = JaegerChoice::Binary(script(folder.path(), "jaeger", jaeger));
        let stack = folder.path().join("stack");
        let options = StackOptions {
            ports: Ports::free().unwrap(),
            folder: stack.clone(),
            cache,
            jaeger,
        };
        Self {
            options,
            _guard: StackGuard::new(&stack),
            folder,
        }
    }

    fn healthy() -> Self {
        Self::new(&healthy_milvus(), &healthy_jaeger())
    }

    async fn up(&self) -> Result<Stack, StackError> {
        up(&self.options, &|_| ()).await
    }

    fn recorded(&self) -> Vec<Process> {
        state::read(&self.options.folder)
            .unwrap()
            .map(|state| state.processes)
            .unwrap_or_default()
    }

    async fn status(&self) -> StackStatus {
        status(&self.options.folder).await
    }

    async fn down(&self) -> Result<DownReport, StackError> {
        down(&self.options.folder, &|_| ()).await
    }
}

#[tokio::test]
async fn up_status_up_again_down() {
    let scratch = Scratch::healthy();
    let stack = scratch.up().await.unwrap();
    assert!(stack.started);
    assert_eq!(
        stack.milvus_uri,
        format!("http://127.0.0.1:{}", scratch.options.ports.milvus)
    );
    assert_eq!(
        stack.jaeger_grpc,
        Some(format!(
            "http://127.0.0.1:{}",
            scratch.options.ports.jaeger_grpc
        ))
    );
    assert_eq!(
        stack.otlp,
        format!("http://127.0.0.1:{}", scratch.options.ports.otlp_grpc)
    );
    assert_eq!(stack.versions["jaeger"], "1.46.0");
    assert_eq!(stack.remarks, [milvus::EXPOSED]);

    let status = scratch.status().await;
    assert!(status.healthy);
    let names: Vec<&str> = status
        .processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(names, ["Jaeger", "Milvus"]);
    assert!(
        status
            .processes
            .iter()
            .all(|process| process.alive && process.log.exists())
    );

    assert_eq!(
        scratch.up().await.unwrap(),
        Stack {
            started: false,
            ..stack
        }
    );

    let processes = scratch.recorded();
    assert_eq!(scratch.down().await.unwrap().ended.len(), 2);
    assert!(!processes.iter().any(Process::alive));
    assert_eq!(scratch.status().await.stack, None);
    assert!(!scratch.options.folder.join("data").exists());
    assert!(scratch.options.folder.join("logs/milvus.log").exists());
    assert_eq!(scratch.down().await.unwrap(), DownReport::default());
}

#[tokio::test]
async fn data_are_fresh_and_the_logs_before_are_kept() {
    let scratch = Scratch::healthy();
    scratch.up().await.unwrap();
    let (data, old) = (
        scratch.options.folder.join("data/old"),
        scratch.options.folder.join("logs.old/milvus.log"),
    );
    std::fs::write(&data, "").unwrap();
    // What a crash leaves behind: processes gone, state and data still there.
    process::end(&scratch.recorded()).unwrap();
    assert!(scratch.up().await.unwrap().started);
    assert!(!data.exists() && old.exists());
}

#[tokio::test]
async fn a_half_dead_stack_is_replaced() {
    let scratch = Scratch::healthy();
    scratch.up().await.unwrap();
    let before = scratch.recorded();
    process::end(&before[1..]).unwrap();
    let status = scratch.status().await;
    assert!(!status.healthy && status.processes[0].alive && !status.processes[1].alive);
    assert!(scratch.up().await.unwrap().started);
    assert!(!before[0].alive(), "the old Jaeger was left running");
    assert!(scratch.status().await.healthy);
}

#[tokio::test]
async fn a_milvus_that_ends_takes_jaeger_with_it() {
    let scratch = Scratch::new(
        "echo 'panic: no available mq config found' >&2; exit 1",
        &healthy_jaeger(),
    );
    let text = scratch.up().await.unwrap_err().to_string();
    let expected =
        "Milvus ended while it was starting (panic: no available mq config found); its log is";
    assert!(
        text.starts_with(expected) && text.ends_with("logs/milvus.log"),
        "{text}"
    );
    assert_eq!(scratch.recorded(), []);
    assert_eq!(
        check_ports(&scratch.options, true).await,
        Ok(()),
        "Jaeger still runs"
    );
}

#[tokio::test]
async fn a_jaeger_that_ends_is_told() {
    let jaeger = r#"options="--collector.otlp.grpc.host-port --query.grpc-server.host-port"
        [ "$1" = --help ] && echo "$options" && exit; echo fatal: full >&2; exit 1"#;
    let text = Scratch::new(&healthy_milvus(), jaeger)
        .up()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("Jaeger ended while it was starting (fatal: full)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_taken_port_stops_before_anything_starts() {
    let mut scratch = Scratch::healthy();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    scratch.options.ports.milvus = port;
    let text = scratch.up().await.unwrap_err().to_string();
    assert!(
        text.starts_with(&format!(
            "port {port} that Milvus (gRPC) needs is in use by "
        )),
        "{text}"
    );
    assert_eq!(scratch.recorded(), []);
}

#[tokio::test]
async fn without_jaeger_milvus_sends_to_milvus_bench() {
    let scratch = Scratch::healthy();
    let jaeger = JaegerChoice::Embedded {
        endpoint: "127.0.0.1:5".to_owned(),
    };
    let options = StackOptions {
        jaeger,
        ..scratch.options.clone()
    };
    let stack = up(&options, &|_| ()).await.unwrap();
    assert_eq!(
        (stack.jaeger_grpc, stack.otlp.as_str()),
        (None, "http://127.0.0.1:5")
    );
    assert_eq!(scratch.recorded().len(), 1);
    assert!(scratch.status().await.healthy);
}

#[tokio::test]
async fn a_stranger_with_a_recorded_pid_lives_on() {
    let scratch = Scratch::healthy();
    scratch.up().await.unwrap();
    let real = state::read(&scratch.options.folder).unwrap().unwrap();
    let mut false_record = real.clone();
    false_record
        .processes
        .iter_mut()
        .for_each(|process| process.start_ticks += 1);
    state::write(&scratch.options.folder, &false_record).unwrap();
    let report = scratch.down().await.unwrap();
    assert_eq!((report.ended.len(), report.gone.len()), (0, 2));
    let alive: Vec<bool> = real.processes.iter().map(Process::alive).collect();
    process::end(&real.processes).unwrap();
    assert_eq!(alive, [true, true]);
}

#[tokio::test]
async fn a_damaged_state_is_told_and_nothing_is_guessed() {
    let scratch = Scratch::healthy();
    state::create_folder(&scratch.options.folder).unwrap();
    std::fs::write(state::path(&scratch.options.folder), "{\"format\":1,").unwrap();
    for text in [
        scratch.up().await.unwrap_err().to_string(),
        scratch.down().await.unwrap_err().to_string(),
    ] {
        assert!(
            text.contains("state.json is damaged") && text.ends_with("delete the file"),
            "{text}"
        );
    }
    assert!(scratch.status().await.problem.is_some());
}

#[tokio::test]
async fn a_guard_ends_the_stack_when_a_test_panics() {
    let scratch = Scratch::healthy();
    scratch.up().await.unwrap();
    let (folder, processes) = (scratch.options.folder.clone(), scratch.recorded());
    let panicked = std::thread::spawn(move || {
        let _guard = StackGuard::new(&folder);
        panic!("as a failed test does");
    });
    assert!(panicked.join().is_err());
    assert!(!processes.iter().any(Process::alive));
    assert_eq!(scratch.recorded(), []);
}

#[tokio::test]
async fn a_dropped_up_ends_what_it_started() {
    let scratch = Scratch::new("exec sleep 1000", &healthy_jaeger());
    let both = async {
        while scratch.recorded().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        scratch.recorded()
    };
    let processes = tokio::select! {
        result = scratch.up() => panic!("a Milvus that does not answer is up: {result:?}"),
        processes = both => processes,
    };
    assert!(!processes.iter().any(Process::alive));
    assert_eq!(scratch.recorded(), []);
}

#[tokio::test]
async fn a_named_jaeger_that_is_none_is_an_error() {
    let mut scratch = Scratch::healthy();
    scratch.options.jaeger = JaegerChoice::Binary(scratch.folder.path().join("absent"));
    let text = scratch.up().await.unwrap_err().to_string();
    assert!(
        text.contains("absent is not a usable Jaeger binary"),
        "{text}"
    );
}

#[tokio::test]
async fn without_go_there_is_no_jaeger_and_a_remark_says_so() {
    let mut scratch = Scratch::healthy();
    scratch.options.jaeger = JaegerChoice::Auto;
    let installer = Installer {
        cache: &scratch.options.cache,
        search: "".into(),
        progress: ProgressRef(&|_| ()),
    };
    let servers = find_servers(&scratch.options, installer).await.unwrap();
    assert_eq!(servers.jaeger, None);
    let expected = "milvus-bench receives the spans itself (source `embedded`), without Jaeger: \
                    `go` was not found on PATH";
    assert!(
        servers.remarks[1].starts_with(expected),
        "{:?}",
        servers.remarks
    );
}

#[test]
fn only_the_machine_of_the_wheel_is_accepted() {
    assert_eq!(check_machine("linux", "x86_64"), Ok(()));
    let text = check_machine("linux", "aarch64").unwrap_err().to_string();
    assert!(text.contains("this is linux on aarch64"), "{text}");
}
