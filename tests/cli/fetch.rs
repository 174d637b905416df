//! Data at an address: fetched before a run, once, and gone on with after an interruption.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use milvus_bench::null_milvus::FakeMilvus;
use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::{
    bench::{Bench, Ended},
    disk::limited,
};

const RANDOM: &str = "format = \"random\"\nrows = 200\ndim = 8\nqueries = 20";

/// Serves one file, with ranges, to connections one after the other.
struct Files {
    url: String,
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Files {
    /// Of the first answer only `first` bytes come, and nothing more.
    fn serve(content: Vec<u8>, first: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/base.fbin", listener.local_addr().expect("bound"));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&ranges);
        // It ends with the process.
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.expect("a connection");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    connection.read_exact(&mut byte).expect("a request");
                    request.extend(byte);
                }
                let request = String::from_utf8(request).expect("text");
                let range = request
                    .lines()
                    .find_map(|line| line.strip_prefix("range: bytes="));
                let start: usize = range
                    .and_then(|range| range.trim_end_matches('-').parse().ok())
                    .unwrap_or(0);
                let mut noted = noted.lock().expect("no panic");
                noted.push(range.unwrap_or("").to_owned());
                let (length, last) = (content.len(), content.len() - 1);
                let status = match start {
                    0 => "200 OK".to_owned(),
                    _ => format!(
                        "206 Partial Content\r\ncontent-range: bytes {start}-{last}/{length}"
                    ),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\netag: \"1\"\r\ncontent-length: {}\r\nconnection: \
                     close\r\n\r\n",
                    length - start
                );
                let end = if noted.len() == 1 { first } else { length };
                // A client that was ended hears nothing.
                let _ = connection.write_all(head.as_bytes());
                let _ = connection.write_all(&content[start..end]);
                if end < length {
                    held.push(connection);
                }
            }
        });
        Self { url, ranges }
    }

    /// What was asked for, `""` for all.
    fn asked(&self) -> Vec<String> {
        self.ranges.lock().expect("no panic").clone()
    }

    /// Lines of a data set with this base, whose sum is that of `content`.
    fn data(&self, content: &[u8]) -> String {
        let sum = Sha256::digest(content);
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = &self.url;
        format!("base = {{ url = \"{url}\", sha256 = \"{sum}\" }}\nqueries = \"queries.fbin\"")
    }
}

fn fbin(rows: u32) -> Vec<u8> {
    let head = [rows, 8].map(u32::to_le_bytes).concat();
    let values = (0..rows * 8).flat_map(|value| (value as f32 + 0.25).to_le_bytes());
    head.into_iter().chain(values).collect()
}

fn bench(fake: &FakeMilvus, data: &str) -> Bench {
    let bench = Bench::at(fake, &[(RANDOM, data)]);
    bench.write("queries.fbin", &fbin(20));
    bench
}

fn call(bench: &Bench, arguments: &[&str]) -> Ended {
    let mut command = bench.command(arguments);
    command.env("MILVUS_BENCH_CACHE", bench.path().join("cache"));
    Ended::of(command.output().expect("the program starts"))
}

fn cached(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.path().join("cache/data")).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

const RUN: [&str; 3] = ["run", "scenario.toml", "--accept-invalid"];

#[test]
fn a_run_fetches_what_it_lacks_and_a_second_one_nothing() {
    let (fake, content) = (FakeMilvus::start(), fbin(200));
    let files = Files::serve(content.clone(), content.len());
    let bench = bench(&fake, &files.data(&content));
    let ended = call(&bench, &RUN).exits(0);
    let said = format!("fetching {}\n", files.url);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    let again = call(&bench, &RUN).exits(0);
    assert!(!again.stderr.contains("fetching http"), "{}", again.stderr);
    assert_eq!(files.asked(), [""]);
    let quiet = call(&bench, &["data", "fetch", "scenario.toml"]).exits(0);
    assert_eq!(quiet.stdout, "every file of the scenario is here\n");
}

#[test]
fn check_fetches_nothing_and_tells_what_is_not_here_and_every_mistake() {
    let (fake, content) = (FakeMilvus::start(), fbin(200));
    let files = Files::serve(content.clone(), content.len());
    let bench = bench(&fake, &files.data(&content));
    let ended = call(&bench, &["check", "scenario.toml"]).exits(0);
    let line = format!("not here   data.noise.base: {}\n", files.url);
    assert!(ended.stdout.starts_with(&line), "{}", ended.stdout);
    assert!(
        ended
            .stdout_words()
            .contains("no mistake was found, but neither in these files")
    );
    let resolved = call(&bench, &["check", "scenario.toml", "--resolved"]).exits(2);
    resolved.error(&[
        "before 1 file of its data sets is fetched",
        "data fetch scenario.toml",
    ]);
    // A mistake elsewhere is told before anything is fetched.
    let wrong = ["run", "scenario.toml", "--set", "workloads.search.limit=0"];
    call(&bench, &wrong)
        .exits(2)
        .error(&["workloads.search.limit"]);
    assert!(files.asked().is_empty());
}

#[test]
fn an_interrupted_fetch_is_gone_on_with() {
    let (fake, content) = (FakeMilvus::start(), fbin(200));
    let files = Files::serve(content.clone(), 3_000);
    let bench = bench(&fake, &files.data(&content));
    let mut running = bench.start_with(&RUN, &[("MILVUS_BENCH_CACHE", "cache")]);
    running.says("base.fbin: 3.00 kB of 6.41 kB (46 %)");
    running.signal(Signal::INT);
    running.ended().exits(130);
    assert_eq!(cached(&bench).len(), 2, "the part and its version");
    let fetched = call(&bench, &["data", "fetch", "scenario.toml"]).exits(0);
    assert_eq!(files.asked(), ["", "3000-"]);
    let said = "fetching base.fbin: 3.00 kB are here, the rest follows\n";
    assert!(fetched.stderr.contains(said), "{}", fetched.stderr);
    let path = cached(&bench).pop().expect("the file");
    assert_eq!(fs::read(&path).expect("the file"), content);
    assert!(
        fetched
            .stdout
            .ends_with(&format!(" is in {}\n", path.display()))
    );
}

#[test]
fn another_file_than_the_scenario_means_is_removed_and_nothing_is_sent() {
    let (fake, content) = (FakeMilvus::start(), fbin(200));
    let files = Files::serve(content.clone(), content.len());
    let bench = bench(&fake, &files.data(b"another"));
    let ended = call(&bench, &RUN).exits(2);
    ended.error(&[
        &files.url,
        "was fetched (6408 bytes) and removed",
        "expected",
    ]);
    assert!(cached(&bench).is_empty() && fake.calls().is_empty());
}

#[test]
fn a_disk_that_is_full_is_told_with_a_way_out() {
    let (fake, content) = (FakeMilvus::start(), fbin(20_000));
    let files = Files::serve(content.clone(), content.len());
    let bench = bench(&fake, &files.data(&content));
    let set = ["data", "fetch", "scenario.toml"];
    let ended = limited(&bench, 100, &set, &[("MILVUS_BENCH_CACHE", "cache")]).exits(2);
    ended.error(&[
        &files.url,
        "can't be kept",
        "File too large",
        "MILVUS_BENCH_CACHE names",
    ]);
    call(&bench, &set).exits(0);
    assert!(files.asked()[1].starts_with("102"), "{:?}", files.asked());
}
