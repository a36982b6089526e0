//! A bucket `bills` on loopback: it answers like S3, and with faults on request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use tests::{Desk, Ran, run_command};

pub(super) struct Stub {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    holding: Mutex<Receiver<()>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// Refused keys, with status and code. The empty key is the listing.
    refused: BTreeMap<String, (u16, String)>,
    /// Keys with truncated bodies, and the number of bytes sent.
    cut: BTreeMap<String, usize>,
    /// The key with a body that never ends.
    held: Option<String>,
    region: Option<String>,
    asked: Vec<String>,
}

struct Object {
    bytes: Vec<u8>,
    written: String,
}

impl Object {
    fn etag(&self) -> String {
        let sum =
            self.bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        format!("\"{sum:016x}\"")
    }
}

impl Stub {
    pub(super) fn serve() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (sender, holding) = channel();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, sender) = (shared.clone(), sender.clone());
                // A client that disconnects early is not an error of the server.
                std::thread::spawn(move || drop(answer(stream, &state, &sender)));
            }
        });
        Stub { url, state, holding: Mutex::new(holding) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn put(&self, key: &str, bytes: Vec<u8>, written: &str) {
        let mut state = self.state();
        state.cut.remove(key);
        state.objects.insert(key.into(), Object { bytes, written: written.into() });
    }

    pub(super) fn touch(&self, key: &str, written: &str) {
        self.state().objects.get_mut(key).unwrap().written = written.into();
    }

    pub(super) fn cut(&self, key: &str, bytes: usize) {
        self.state().cut.insert(key.into(), bytes);
    }

    pub(super) fn refuse(&self, key: &str, status: u16, code: &str) {
        self.state().refused.insert(key.into(), (status, code.into()));
    }

    pub(super) fn set_region(&self, region: &str) {
        self.state().region = Some(region.into());
    }

    /// Sends half of this object and then stalls.
    pub(super) fn stall_on(&self, key: &str) {
        self.state().held = Some(key.into());
    }

    /// Waits until that half is sent.
    pub(super) fn wait_for_stall(&self) {
        self.holding.lock().unwrap().recv().unwrap();
    }

    /// Returns the requests since the last call, each with its signature.
    pub(super) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    pub(super) fn command(&self, desk: &Desk, words: &[&str]) -> Command {
        let mut command = desk.command("collector", words);
        let keys = [("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")];
        command.envs(keys).env("AWS_ENDPOINT_URL_S3", &self.url);
        command
    }

    pub(super) fn collector(&self, desk: &Desk, words: &[&str]) -> Ran {
        run_command(&mut self.command(desk, words))
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, holding: &Sender<()>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let mut signature = String::new();
    for line in lines.by_ref() {
        let line = line?;
        if line.to_ascii_lowercase().starts_with("authorization:") {
            signature.clone_from(&line);
        }
        if line.is_empty() {
            break;
        }
    }
    let (head, body, held) = {
        let mut state = state.lock().unwrap();
        state.asked.push(format!("{first} {signature}"));
        reply(&first, &state)
    };
    stream.write_all(head.as_bytes())?;
    let sent = if held { body.len() / 2 } else { body.len() };
    stream.write_all(&body[..sent])?;
    if held {
        let _ = holding.send(());
        // Wait until the client disconnects.
        let _ = stream.read(&mut [0]);
    }
    Ok(())
}

/// Returns head, body, and whether the body stalls in the middle.
fn reply(first: &str, state: &State) -> (String, Vec<u8>, bool) {
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let key = path.trim_start_matches("/bills").trim_start_matches('/').replace("%3D", "=");
    let head = |status: u16, length: usize, more: &str| {
        format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n")
    };
    if let Some((status, code)) = state.refused.get(&key) {
        let body = format!("<Error><Code>{code}</Code><Message>Access Denied</Message></Error>");
        let body = if method == "HEAD" { String::new() } else { body };
        return (head(*status, body.len(), "Content-Type: application/xml\r\n"), body.into(), false);
    }
    if method == "HEAD" {
        let answer = match &state.region {
            Some(region) => head(301, 0, &format!("x-amz-bucket-region: {region}\r\n")),
            None => head(200, 0, "x-amz-bucket-region: us-east-1\r\n"),
        };
        return (answer, Vec::new(), false);
    }
    if query.contains("list-type=2") {
        let entry = |(key, object): (&String, &Object)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                object.written,
                object.etag().replace('"', "&quot;"),
                object.bytes.len()
            )
        };
        let entries: String = state.objects.iter().map(entry).collect();
        let body = format!(
            "<ListBucketResult><Name>bills</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        );
        return (head(200, body.len(), "Content-Type: application/xml\r\n"), body.into(), false);
    }
    match state.objects.get(&key) {
        Some(object) => {
            let sent = state.cut.get(&key).copied().unwrap_or(object.bytes.len());
            let head = head(200, object.bytes.len(), &format!("ETag: {}\r\n", object.etag()));
            (head, object.bytes[..sent].to_vec(), state.held.as_ref() == Some(&key))
        }
        None => (head(404, 0, ""), Vec::new(), false),
    }
}
