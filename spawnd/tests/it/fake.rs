//! A fake metadata service and EC2 on the loopback, with faults, and a machine in a folder. The
//! instance's id begins with `i-sandbox`, which AWS cannot issue. The daemon refuses any other id
//! here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Seconds of the daemon's time per second of the machine's.
pub(crate) const PACE: u64 = 240;

/// Returns whether the long tests run in full: `MYCELIUM_LONG=1`, which `make test-long` sets.
/// Otherwise each runs a sample.
pub(crate) fn is_long_run() -> bool {
    std::env::var_os("MYCELIUM_LONG").is_some_and(|value| value == "1")
}

/// Interval at which a test polls its world.
const LOOK: Duration = Duration::from_millis(5);

/// The behaviour and the state of the fake AWS.
#[derive(Debug, Clone)]
pub(crate) struct FakeAws {
    pub(crate) imds: MetadataMode,
    pub(crate) ec2: Ec2Mode,
    pub(crate) tag: Option<String>,
    /// The heartbeats written, in order.
    pub(crate) heartbeats: Vec<String>,
    /// The values of the tag `spawn:seen`, in order.
    pub(crate) acknowledgements: Vec<String>,
    pub(crate) cap: Option<String>,
    pub(crate) spot: bool,
    pub(crate) instance_id: String,
    pub(crate) pending: u64,
    /// Number of the credentials that the metadata service returns, and their stated expiration.
    pub(crate) credentials: u32,
    pub(crate) expiration: &'static str,
    /// Lowest number of the credentials that EC2 accepts. Those below it have expired.
    pub(crate) honoured: u32,
    /// The bodies of the EC2 calls, in order.
    pub(crate) calls: Vec<String>,
    /// The posts to the webhook: signature and body.
    pub(crate) posts: Vec<(String, String)>,
    /// The webhook accepts the connection and never answers.
    pub(crate) webhook_hangs: bool,
    /// The policy of the instance's role, as printed by `spawnd policy`.
    pub(crate) policy: serde_json::Value,
    /// Number of calls that the policy does not allow.
    pub(crate) forbidden: u32,
    pub(crate) unsigned: u32,
    pub(crate) tokens: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataMode {
    Works,
    /// Rejects every token.
    Refuses,
    /// Accepts connections and never answers.
    Hangs,
    /// Closes connections at once.
    Closes,
    /// Answers every request with status 503.
    Fails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ec2Mode {
    Works,
    Denies,
    Closes,
    NoHibernation,
    /// Answers the first call with RequestExpired.
    ExpiresOnce,
}

fn policy() -> serde_json::Value {
    let printed = Command::new(env!("CARGO_BIN_EXE_spawnd")).args(["policy", "123456789012"]).output();
    serde_json::from_slice(&printed.expect("spawnd runs").stdout).expect("JSON")
}

/// A machine in a folder, and its fake AWS.
pub(crate) struct FakeWorld {
    folder: tempfile::TempDir,
    aws: Arc<Mutex<FakeAws>>,
    url: String,
    link_local: bool,
    /// Environment variables of the daemon, such as a preloaded library.
    pub(crate) environment: Vec<(String, String)>,
    /// Seconds by which the daemon's clock that counts sleep is ahead, in a time namespace.
    pub(crate) asleep: Option<u64>,
    origin: f64,
    mounts: Vec<PathBuf>,
    daemon: Option<Child>,
    /// The TLS proxy in front of this fake.
    proxy: Option<Child>,
    _doors: Vec<FakeListener>,
}

/// An address at which the fake listens, until it is dropped.
struct FakeListener {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeListener {
    fn open(listener: TcpListener, aws: &Arc<Mutex<FakeAws>>, began: Instant) -> FakeListener {
        let address = listener.local_addr().expect("an address");
        let closed = Arc::new(AtomicBool::new(false));
        let (aws, end) = (Arc::clone(aws), Arc::clone(&closed));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let aws = Arc::clone(&aws);
                std::thread::spawn(move || serve(stream, &aws, began));
            }
        });
        FakeListener { address, closed, thread: Some(thread) }
    }
}

impl Drop for FakeListener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread. If a test has removed the address, the thread ends with the process.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// Returns a new folder, in memory if possible. The daemon waits for the disk each time it saves,
/// here 240 times as often as in real life. The writes of another program would keep it from
/// polling.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

impl FakeWorld {
    /// Creates a machine that booted just now, with these launch terms, or none if `terms` is
    /// empty.
    pub(crate) fn new(terms: &str) -> FakeWorld {
        FakeWorld::at(terms, &TcpListener::bind("127.0.0.1:0").expect("a port"), None)
    }

    /// Creates the same in a network namespace, where the metadata service has its own address.
    pub(crate) fn in_namespace(terms: &str) -> FakeWorld {
        let metadata = TcpListener::bind("169.254.169.254:80").expect("the address");
        FakeWorld::at(terms, &TcpListener::bind("127.0.0.1:0").expect("a port"), Some(metadata))
    }

    fn at(terms: &str, listener: &TcpListener, metadata: Option<TcpListener>) -> FakeWorld {
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let aws = Arc::new(Mutex::new(FakeAws {
            imds: MetadataMode::Works,
            ec2: Ec2Mode::Works,
            tag: None,
            heartbeats: Vec::new(),
            acknowledgements: Vec::new(),
            cap: None,
            spot: false,
            instance_id: "i-sandbox0123456789".to_string(),
            pending: 1_800_000_000,
            credentials: 1,
            expiration: "2099-01-01T00:00:00Z",
            honoured: 1,
            calls: Vec::new(),
            posts: Vec::new(),
            webhook_hangs: false,
            policy: policy(),
            forbidden: 0,
            unsigned: 0,
            tokens: 0,
        }));
        let began = Instant::now();
        let link_local = metadata.is_some();
        let own = listener.try_clone().expect("a listener");
        let listeners = std::iter::once(own).chain(metadata);
        let doors = listeners.map(|listener| FakeListener::open(listener, &aws, began)).collect();
        let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
        let monotonic: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        let world = FakeWorld {
            folder: folder(),
            aws,
            url,
            link_local,
            environment: Vec::new(),
            asleep: None,
            origin: monotonic,
            mounts: Vec::new(),
            daemon: None,
            proxy: None,
            _doors: doors,
        };
        world.write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\nintr 1\nctxt 2\nbtime 3\nprocesses 4\n");
        world.write("proc/net/dev", "h\nh\n");
        world.write("proc/net/tcp", "h\n");
        world.write("proc/diskstats", "");
        world.write("proc/sys/kernel/random/boot_id", "boot-1\n");
        world.write("dev/pts/0", "");
        std::fs::set_permissions(world.path("dev/pts/0"), PermissionsExt::from_mode(0o620)).expect("a mode");
        world.program("systemctl");
        std::fs::create_dir_all(world.path("run/systemd/system")).expect("a folder");
        if !terms.is_empty() {
            world.write("etc/spawn/terms.json", terms);
        }
        world
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Mounts a file system in this world, in the test's own mount namespace. `arguments` are
    /// mount's.
    pub(crate) fn mount(&mut self, arguments: &[&str], path: &str) {
        let place = self.path(path);
        std::fs::create_dir_all(&place).expect("a folder");
        let status = Command::new("mount").args(arguments).arg(&place).status().expect("mount runs");
        assert!(status.success(), "{arguments:?}");
        self.mounts.push(place);
    }

    /// Writes a systemd program that only logs its calls.
    fn program(&self, name: &str) {
        let path = format!("usr/bin/{name}");
        let log = self.path("calls");
        self.write(&path, &format!("#!/bin/sh\necho {name} \"$@\" >> {}\n", log.display()));
        std::fs::set_permissions(self.path(&path), PermissionsExt::from_mode(0o755)).expect("executable");
    }

    pub(crate) fn aws<T>(&self, look: impl FnOnce(&mut FakeAws) -> T) -> T {
        look(&mut self.aws.lock().expect("no panic"))
    }

    /// Puts TLS in front of EC2 and the webhook, with an authority in `root.pem`; `None` without
    /// Python or openssl. Call it before the daemon starts, in a namespace: the metadata service
    /// has no TLS.
    pub(crate) fn add_tls_proxy(&mut self) -> Option<()> {
        let port = self.url.rsplit(':').next().expect("a port");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/tls.py");
        let mut proxy = Command::new("python3");
        proxy.arg(script).arg(self.folder.path()).arg(port).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut line = String::new();
        let proxy = self.proxy.insert(proxy.spawn().ok()?);
        BufReader::new(proxy.stdout.take()?).read_line(&mut line).ok()?;
        self.url = format!("https://127.0.0.1:{}", line.trim().parse::<u16>().ok()?);
        Some(())
    }

    /// Points the webhook at this fake, with a secret.
    pub(crate) fn webhook(&self, secret: &str, mode: u32) {
        let text = format!(r#"{{"url":"{}/hook/T0PS3CRET","secret":"{secret}"}}"#, self.url);
        self.write("etc/spawn/webhook.json", &text);
        let path = self.path("etc/spawn/webhook.json");
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
    }

    fn spawnd(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spawnd"));
        command.arg("--root").arg(self.folder.path());
        command
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log");
        let pace = format!("{PACE}@{}", self.origin);
        let mut spawnd = self.spawnd();
        if let Some(seconds) = self.asleep {
            let mut namespace = Command::new("unshare");
            let offset = (seconds / PACE).to_string();
            namespace.args(["--time", "--boottime", &offset, "--fork", "--kill-child", "--"]);
            namespace.arg(spawnd.get_program()).args(spawnd.get_args());
            spawnd = namespace;
        }
        let daemon = spawnd
            .args(["daemon", "--sandbox", &self.url, "--pace", &pace])
            .args(self.link_local.then_some("--link-local"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("spawnd starts");
        self.daemon = Some(daemon);
    }

    /// Sends SIGKILL, so that the daemon can save nothing more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let id = daemon.id();
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            match children.unwrap_or_default().split_whitespace().next() {
                // In a time namespace the daemon is a child, and its parent ends with it.
                Some(child) if self.asleep.is_some() => {
                    Command::new("kill").args(["-KILL", child]).status().expect("kill runs");
                }
                _ => daemon.kill().expect("killed"),
            }
            daemon.wait().expect("dead");
        }
    }

    /// Sends SIGTERM, as systemd does. Returns whether the daemon ended successfully.
    pub(crate) fn terminate(&mut self) -> bool {
        let Some(mut daemon) = self.daemon.take() else { return false };
        let pid = daemon.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        daemon.wait().expect("it ends").success()
    }

    /// Runs the command line, as a person does.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.spawnd().args(arguments).output().expect("spawnd runs")
    }

    /// Returns the seconds of the daemon's time since the boot.
    pub(crate) fn uptime(&self) -> u64 {
        let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
        let now: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        ((now - self.origin) * PACE as f64) as u64
    }

    /// Waits until `holds` is true, for at most `seconds` of the daemon's time. Delays by a busy
    /// machine affect this test and the daemon alike, so they are not counted.
    pub(crate) fn until(&self, seconds: u64, holds: impl Fn(&FakeWorld) -> bool) -> bool {
        let mut end = Instant::now() + Duration::from_secs_f64(seconds as f64 / PACE as f64);
        let mut before = Instant::now();
        while Instant::now() < end {
            if holds(self) {
                return true;
            }
            std::thread::sleep(LOOK);
            end += before.elapsed().saturating_sub(LOOK * 4);
            before = Instant::now();
        }
        holds(self)
    }

    /// Returns whether EC2 received a call of this action.
    pub(crate) fn received_call(&self, action: &str) -> bool {
        let wanted = format!("Action={action}");
        self.aws(|aws| aws.calls.iter().any(|call| call.contains(&wanted)))
    }

    pub(crate) fn powered_off(&self) -> bool {
        self.read("calls").lines().any(|line| line == "systemctl poweroff")
    }

    /// Returns whether the instance has ended, by a call or by a power-off.
    pub(crate) fn ended(&self) -> bool {
        self.powered_off() || self.received_call("StopInstances") || self.received_call("TerminateInstances")
    }

    pub(crate) fn log(&self) -> String {
        self.read("log")
    }
}

impl Drop for FakeWorld {
    fn drop(&mut self) {
        self.kill();
        if let Some(proxy) = &mut self.proxy {
            let _ = proxy.kill();
            let _ = proxy.wait();
        }
        for mount in &self.mounts {
            // Otherwise the folder could not be removed.
            let _ = Command::new("umount").arg("-l").arg(mount).status();
        }
    }
}

struct FakeRequest {
    line: String,
    headers: Vec<String>,
    body: String,
}

fn read_request(stream: &TcpStream) -> Option<FakeRequest> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        headers.push(header.trim().to_ascii_lowercase());
    }
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(FakeRequest { line, headers, body: String::from_utf8_lossy(&body).to_string() })
}

fn serve(mut stream: TcpStream, aws: &Mutex<FakeAws>, began: Instant) {
    let Some(request) = read_request(&stream) else { return };
    if request.line.starts_with("POST /hook") {
        return webhook(&mut stream, aws, request);
    }
    let posted = request.line.starts_with("POST");
    if !posted && aws.lock().expect("no panic").imds == MetadataMode::Hangs {
        // Longer than any timeout of the daemon.
        std::thread::sleep(Duration::from_secs(5));
    }
    let answer = {
        let mut aws = aws.lock().expect("no panic");
        if posted { ec2(&mut aws, &request) } else { imds(&mut aws, &request) }
    };
    match answer {
        Some((status, body)) => {
            let passed = began.elapsed().as_secs_f64() * PACE as f64;
            let date = jiff::Timestamp::from_second(1_800_000_000 + passed as i64).expect("in range");
            let date = jiff::fmt::rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&date)
                .expect("a date");
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
        None => drop(stream),
    }
}

fn webhook(stream: &mut TcpStream, aws: &Mutex<FakeAws>, request: FakeRequest) {
    if aws.lock().expect("no panic").webhook_hangs {
        // Longer than any timeout of the daemon.
        return std::thread::sleep(Duration::from_secs(5));
    }
    let signature = request.headers.iter().find_map(|header| header.strip_prefix("x-spawn-signature: "));
    aws.lock().expect("no panic").posts.push((signature.unwrap_or_default().to_string(), request.body));
    let _ = stream.write_all(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n");
}

fn imds(aws: &mut FakeAws, request: &FakeRequest) -> Option<(u16, String)> {
    match aws.imds {
        MetadataMode::Works | MetadataMode::Refuses => {}
        MetadataMode::Closes | MetadataMode::Hangs => return None,
        MetadataMode::Fails => return Some((503, String::new())),
    }
    let path = request.line.split(' ').nth(1).unwrap_or_default().strip_prefix("/latest/")?.to_string();
    if request.line.starts_with("PUT") && path == "api/token" {
        aws.tokens += 1;
        return Some((200, format!("token-{}", aws.tokens)));
    }
    let valid = request.headers.contains(&format!("x-aws-ec2-metadata-token: token-{}", aws.tokens));
    if !valid || aws.imds == MetadataMode::Refuses {
        return Some((401, String::new()));
    }
    let found = match path.as_str() {
        "dynamic/instance-identity/document" => {
            let pending = jiff::Timestamp::from_second(aws.pending as i64).expect("in range");
            let id = &aws.instance_id;
            Some(format!(
                r#"{{"instanceId":"{id}","region":"us-east-1","pendingTime":"{pending}","accountId":"1"}}"#
            ))
        }
        "meta-data/tags/instance/spawn:expiry" => aws.tag.clone(),
        "meta-data/tags/instance/spawn:cap" => aws.cap.clone(),
        "meta-data/iam/security-credentials/" => Some("spawn-role".to_string()),
        "meta-data/iam/security-credentials/spawn-role" => Some(format!(
            r#"{{"Code":"Success","AccessKeyId":"ASIASANDBOX{}","SecretAccessKey":"s","Token":"t","Expiration":"{}"}}"#,
            aws.credentials, aws.expiration
        )),
        "meta-data/spot/instance-action" if aws.spot => {
            Some(r#"{"action":"terminate","time":"2027-01-15T09:00:00Z"}"#.to_string())
        }
        _ => None,
    };
    Some(found.map_or((404, String::new()), |text| (200, text)))
}

/// Returns whether the printed policy allows a call, by its action and the key of its tag.
fn allowed(policy: &serde_json::Value, body: &str) -> bool {
    let field = |name: &str| body.split('&').find_map(|part| part.strip_prefix(name)).map(str::to_string);
    let action = field("Action=").map(|name| serde_json::Value::from(format!("ec2:{name}")));
    let key = field("Tag.1.Key=").map(|key| serde_json::Value::from(key.replace("%3A", ":")));
    let has = |list: &serde_json::Value, wanted: &serde_json::Value| {
        list.as_array().is_some_and(|list| list.contains(wanted))
    };
    policy["Statement"].as_array().into_iter().flatten().any(|statement| {
        let keys = &statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"];
        action.as_ref().is_some_and(|action| has(&statement["Action"], action))
            && key.as_ref().is_none_or(|key| has(keys, key))
    })
}

/// Returns the number of the credentials that signed a call.
fn key_number(request: &FakeRequest) -> Option<u32> {
    let signed = request.headers.iter().find_map(|header| header.split_once("credential=asiasandbox"));
    signed?.1.split('/').next()?.parse().ok()
}

fn ec2(aws: &mut FakeAws, request: &FakeRequest) -> Option<(u16, String)> {
    aws.calls.push(request.body.clone());
    let signed = request.headers.iter().any(|header| header.starts_with("authorization: aws4-hmac-sha256"));
    if !signed || !request.body.contains("i-sandbox0123456789") {
        aws.unsigned += 1;
    }
    let refused = |code: &str| {
        Some((400, format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>")))
    };
    if key_number(request).is_some_and(|number| number < aws.honoured) {
        return refused("RequestExpired");
    }
    if !allowed(&aws.policy, &request.body) {
        aws.forbidden += 1;
        return refused("UnauthorizedOperation");
    }
    match aws.ec2 {
        Ec2Mode::Closes => return None,
        Ec2Mode::Denies => return refused("UnauthorizedOperation"),
        Ec2Mode::NoHibernation if request.body.contains("Hibernate=true") => {
            return refused("UnsupportedHibernationConfiguration");
        }
        Ec2Mode::ExpiresOnce => {
            aws.ec2 = Ec2Mode::Works;
            return refused("RequestExpired");
        }
        Ec2Mode::Works | Ec2Mode::NoHibernation => {}
    }
    if let Some((_, value)) = request.body.split_once("Tag.1.Value=") {
        let value = value.split('&').next().unwrap_or_default();
        let value = value.replace("%3B", ";").replace("%3D", "=").replace("%3A", ":");
        let has_key = |key: &str| request.body.contains(&format!("Tag.1.Key=spawn%3A{key}&"));
        match () {
            () if has_key("heartbeat") => aws.heartbeats.push(value),
            () if has_key("seen") => aws.acknowledgements.push(value),
            () => aws.tag = Some(value),
        }
    }
    Some((200, "<Response><return>true</return></Response>".to_string()))
}
