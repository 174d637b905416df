//! Against a server on this machine whose every answer is scripted.

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// What a server answers to a request: bytes, after which it closes or says nothing more.
struct Answer {
    bytes: Vec<u8>,
    hangs: bool,
}

/// Answers to the requests in their order; the last one is given to all further ones.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn with(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a/base.fbin", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            for number in 0.. {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(connection.read_u8().await.unwrap());
                }
                noted
                    .lock()
                    .unwrap()
                    .push(String::from_utf8(request).unwrap());
                let answer: &Answer = &answers[number.min(answers.len() - 1)];
                connection.write_all(&answer.bytes).await.unwrap();
                if answer.hangs {
                    held.push(connection);
                }
            }
        });
        Self { url, asked, task }
    }

    fn file(&self, content: &[u8]) -> RemoteFile {
        RemoteFile::new(&self.url, &sum(content)).unwrap()
    }

    /// Lines of the requests that begin so, without their ends.
    fn lines(&self, beginning: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let lines = asked.iter().flat_map(|request| request.lines());
        lines
            .filter(|line| line.starts_with(beginning))
            .map(str::to_owned)
            .collect()
    }

    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn sum(content: &[u8]) -> String {
    let sum = Sha256::digest(content);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer with these first lines, and `body` of which the head may promise more.
fn answer(head: &str, body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
    Answer {
        bytes: [head.as_bytes(), body].concat(),
        hangs: false,
    }
}

fn whole(content: &[u8], version: &str) -> Answer {
    let length = content.len();
    answer(
        &format!("200 OK\r\netag: {version}\r\ncontent-length: {length}"),
        content,
    )
}

/// The whole file of `content`, of which `sent` bytes come.
fn broken(content: &[u8], sent: usize, version: &str) -> Answer {
    let length = content.len();
    answer(
        &format!("200 OK\r\netag: {version}\r\ncontent-length: {length}"),
        &content[..sent],
    )
}

fn rest(content: &[u8], start: usize, version: &str) -> Answer {
    let (length, last) = (content.len(), content.len() - 1);
    answer(
        &format!(
            "206 Partial Content\r\netag: {version}\r\ncontent-length: {}\r\ncontent-range: bytes \
             {start}-{last}/{length}",
            length - start
        ),
        &content[start..],
    )
}

fn content(seed: u8) -> Vec<u8> {
    (0..10_000_u32)
        .map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed)
        .collect()
}

/// Options for `folder`, with tries that follow each other at once.
fn options(folder: &Path, tries: usize) -> FetchOptions {
    FetchOptions {
        pauses: vec![Duration::ZERO; tries],
        ..FetchOptions::into_folder(folder)
    }
}

fn silent(_: &FetchEvent) {}

/// Names in `folder`.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_fetched_once_and_has_the_extension_of_its_address() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let server = Server::with(vec![whole(&content, "\"1\"")]).await;
    let (file, options) = (server.file(&content), options(folder.path(), 0));
    let events = Mutex::new(Vec::new());
    let told = |event: &FetchEvent| events.lock().unwrap().push(event.clone());
    let path = fetch(&file, &options, &told).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert_eq!(path.extension().unwrap(), "fbin");
    assert_eq!(
        names(folder.path()),
        [format!("{}-base.fbin", sum(&content))]
    );
    fetch(&file, &options, &told).await.unwrap();
    assert_eq!(server.requests(), 1);
    let events = events.into_inner().unwrap();
    let total = Some(10_000);
    assert_eq!(events[0], FetchEvent::Begun { at: 0, total });
    let bytes = 10_000;
    assert_eq!(events.last(), Some(&FetchEvent::Received { bytes, total }));
}

#[tokio::test]
async fn a_connection_that_breaks_is_gone_on_with_from_where_it_broke() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let answers = vec![broken(&content, 400, "\"1\""), rest(&content, 400, "\"1\"")];
    let server = Server::with(answers).await;
    let file = server.file(&content);
    let path = fetch(&file, &options(folder.path(), 1), &silent)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert_eq!(server.lines("range:"), ["range: bytes=400-"]);
    assert_eq!(server.lines("if-range:"), ["if-range: \"1\""]);
}

#[tokio::test]
async fn what_an_earlier_process_received_is_not_asked_for_again() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let answers = vec![
        broken(&content, 7_000, "\"1\""),
        rest(&content, 7_000, "\"1\""),
    ];
    let server = Server::with(answers).await;
    let (file, options) = (server.file(&content), options(folder.path(), 0));
    let error = fetch(&file, &options, &silent)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("{} can't be fetched: ", server.url))
            && error.ends_with(
                "what was received (7000 bytes) is kept, and the next run goes on from there"
            ),
        "{error}"
    );
    let path = fetch(&file, &options, &silent).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert_eq!(server.lines("range:"), ["range: bytes=7000-"]);
    assert_eq!(names(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_server_without_ranges_and_a_changed_file_begin_again() {
    let (new, old) = (content(0), content(1));
    for second in [
        // It knows no ranges, or sees by If-Range that the file is another one.
        whole(&new, "\"2\""),
        // It does not look at If-Range.
        rest(&new, 400, "\"2\""),
        // It sends another part.
        rest(&new, 300, "\"1\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let answers = vec![broken(&old, 400, "\"1\""), second, whole(&new, "\"2\"")];
        let server = Server::with(answers).await;
        let file = server.file(&new);
        let path = fetch(&file, &options(folder.path(), 1), &silent)
            .await
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), new);
    }
}

#[tokio::test]
async fn a_wrong_sum_is_told_with_both_and_the_file_is_removed() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let server = Server::with(vec![whole(&content, "\"1\"")]).await;
    let file = RemoteFile::new(&server.url, &sum(b"another")).unwrap();
    let error = fetch(&file, &options(folder.path(), 3), &silent)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} was fetched (10000 bytes) and removed: its SHA-256 is {}, expected {}; check \
             `sha256`, or whether the file at the address was changed",
            server.url,
            sum(&content),
            sum(b"another")
        )
    );
    assert_eq!((names(folder.path()).len(), server.requests()), (0, 1));
}

#[tokio::test]
async fn bytes_of_two_files_that_a_server_does_not_tell_apart_are_fetched_again() {
    let (folder, new, old) = (tempfile::tempdir().unwrap(), content(0), content(1));
    let answers = vec![broken(&old, 400, ""), rest(&new, 400, ""), whole(&new, "")];
    let server = Server::with(answers).await;
    let (file, options) = (server.file(&new), options(folder.path(), 0));
    fetch(&file, &options, &silent).await.unwrap_err();
    let path = fetch(&file, &options, &silent).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), new);
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_part_that_is_the_whole_file_is_taken_as_that() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let server = Server::with(vec![answer(
        "416 Range Not Satisfiable\r\ncontent-range: bytes */10000\r\ncontent-length: 0",
        b"",
    )])
    .await;
    let file = server.file(&content);
    let part = format!("{}.part", file.path_in(folder.path()).display());
    std::fs::write(part, &content).unwrap();
    fetch(&file, &options(folder.path(), 0), &silent)
        .await
        .unwrap();
    assert_eq!(names(folder.path()).len(), 1);
}

#[tokio::test]
async fn answers_that_are_not_the_file_are_named() {
    let page = "<!doctype html><html><head><Title>Sign in</title></head></html>";
    for (answers, words) in [
        (
            vec![answer("404 Not Found\r\ncontent-length: 0", b"")],
            "the server answers 404 Not Found; check the address: there is no such file",
        ),
        (
            vec![answer("403 Forbidden\r\ncontent-length: 0", b"")],
            "the server answers 403 Forbidden; it asks for a login",
        ),
        (
            vec![answer("200 OK\r\ncontent-type: text/html", page.as_bytes())],
            "is a web page (\"Sign in\") and not a file",
        ),
        (
            vec![answer(
                "302 Found\r\nlocation: http://192.0.2.1/x\r\ncontent-length: 0",
                b"",
            )],
            "it redirects to an address that begins with http://, expected https://",
        ),
        (
            vec![answer("503 Service Unavailable\r\ncontent-length: 0", b"")],
            "can't be fetched: the server answers 503 Service Unavailable",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::with(answers).await;
        let file = server.file(b"");
        let error = fetch(&file, &options(folder.path(), 2), &silent).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        let tries = if words.contains("503") { 3 } else { 1 };
        assert_eq!(server.requests(), tries, "{words}");
    }
}

#[tokio::test]
async fn a_redirect_on_this_machine_is_followed_and_a_busy_server_is_asked_again() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let server = Server::with(vec![
        answer("503 Service Unavailable\r\ncontent-length: 0", b""),
        answer(
            "302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0",
            b"",
        ),
        whole(&content, "\"1\""),
    ])
    .await;
    let file = server.file(&content);
    let path = fetch(&file, &options(folder.path(), 1), &silent)
        .await
        .unwrap();
    assert_eq!(path, file.path_in(folder.path()));
    assert_eq!(server.lines("GET /elsewhere").len(), 1);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_and_asked_for_the_rest() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let silence = Answer {
        hangs: true,
        ..broken(&content, 400, "\"1\"")
    };
    let server = Server::with(vec![silence, rest(&content, 400, "\"1\"")]).await;
    let options = FetchOptions {
        patience: Duration::from_millis(200),
        ..options(folder.path(), 1)
    };
    let events = Mutex::new(Vec::new());
    let told = |event: &FetchEvent| events.lock().unwrap().push(event.clone());
    fetch(&server.file(&content), &options, &told)
        .await
        .unwrap();
    let broken = FetchEvent::Broken("nothing came any more".to_owned());
    assert!(events.into_inner().unwrap().contains(&broken));
}

#[tokio::test]
async fn a_server_that_always_breaks_at_the_same_place_is_given_up() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let server = Server::with(vec![broken(&content, 400, "\"1\"")]).await;
    let file = server.file(&content);
    let error = fetch(&file, &options(folder.path(), 3), &silent).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("400 bytes) is kept")
    );
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn an_address_without_a_server_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // The port was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x.fbin", listener.local_addr().unwrap());
    drop(listener);
    let file = RemoteFile::new(&url, &sum(b"")).unwrap();
    let usual = FetchOptions::into_folder(folder.path());
    let error = fetch(&file, &usual, &silent).await.unwrap_err().to_string();
    assert!(error.contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn of_two_at_once_one_fetches_and_the_other_waits_for_it() {
    let (folder, content) = (tempfile::tempdir().unwrap(), content(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base.fbin", listener.local_addr().unwrap());
    let file = RemoteFile::new(&url, &sum(&content)).unwrap();
    let options = options(folder.path(), 0);
    let (waits, waiting) = tokio::sync::oneshot::channel();
    let waits = Mutex::new(Some(waits));
    let told = |event: &FetchEvent| {
        if *event == FetchEvent::Waiting {
            let waits = waits.lock().unwrap().take();
            waits.expect("one waits").send(()).unwrap();
        }
    };
    let answer = whole(&content, "\"1\"");
    // It answers when the other one is known to wait, and once alone.
    let server = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        waiting.await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        connection.write_all(&answer.bytes).await.unwrap();
        drop(listener);
    };
    let both = tokio::join!(
        fetch(&file, &options, &told),
        fetch(&file, &options, &told),
        server
    );
    assert_eq!(
        (both.0.unwrap(), both.1.is_ok()),
        (file.path_in(folder.path()), true)
    );
    assert_eq!(names(folder.path()).len(), 1);
}
