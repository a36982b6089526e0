//! A metadata service and an EC2 on the loopback, with faults, and a machine in a folder. The instance's
//! id begins with `i-sandbox`, which AWS cannot issue, and the daemon refuses any other id here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How much faster than the machine's the daemon's time passes.
pub(crate) const PACE: u64 = 240;

/// What the fake AWS does and knows.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    pub(crate) imds: Imds,
    pub(crate) ec2: Ec2,
    pub(crate) tag: Option<String>,
    pub(crate) cap: Option<String>,
    pub(crate) spot: bool,
    pub(crate) instance_id: String,
    pub(crate) pending: u64,
    /// Names of the EC2 calls, with their bodies, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) unsigned: u32,
    pub(crate) tokens: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imds {
    Works,
    /// Every token is refused.
    Refuses,
    /// Connections are accepted and never answered.
    Hangs,
    /// Connections are closed at once.
    Closes,
    /// 503 to everything.
    Fails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ec2 {
    Works,
    Denies,
    Closes,
    NoHibernation,
    /// The first call of a credential is answered with RequestExpired.
    ExpiresOnce,
}

/// A machine in a folder, and its AWS.
pub(crate) struct World {
    folder: tempfile::TempDir,
    aws: Arc<Mutex<Aws>>,
    url: String,
    origin: f64,
    daemon: Option<Child>,
}

impl World {
    /// A machine that booted just now, with these terms as its seed.
    pub(crate) fn new(terms: &str) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let aws = Arc::new(Mutex::new(Aws {
            imds: Imds::Works,
            ec2: Ec2::Works,
            tag: None,
            cap: None,
            spot: false,
            instance_id: "i-sandbox0123456789".to_string(),
            pending: 1_800_000_000,
            calls: Vec::new(),
            unsigned: 0,
            tokens: 0,
        }));
        let served = Arc::clone(&aws);
        let began = Instant::now();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let aws = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &aws, began));
            }
        });
        let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
        let monotonic: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        let world = World {
            folder: tempfile::tempdir().expect("a folder"),
            aws,
            url,
            origin: monotonic,
            daemon: None,
        };
        world.write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\nintr 1\nctxt 2\nbtime 3\nprocesses 4\n");
        world.write("proc/net/dev", "h\nh\n");
        world.write("proc/net/tcp", "h\n");
        world.write("proc/diskstats", "");
        world.write("proc/sys/kernel/random/boot_id", "boot-1\n");
        world.write("dev/pts/0", "");
        std::fs::set_permissions(world.path("dev/pts/0"), PermissionsExt::from_mode(0o620)).expect("a mode");
        world.program("systemctl");
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

    /// A program of systemd that only notes that it was called.
    fn program(&self, name: &str) {
        let path = format!("usr/bin/{name}");
        let log = self.path("calls");
        self.write(&path, &format!("#!/bin/sh\necho {name} \"$@\" >> {}\n", log.display()));
        std::fs::set_permissions(self.path(&path), PermissionsExt::from_mode(0o755)).expect("executable");
    }

    pub(crate) fn aws<T>(&self, look: impl FnOnce(&mut Aws) -> T) -> T {
        look(&mut self.aws.lock().expect("no panic"))
    }

    fn spawnd(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spawnd"));
        command.arg("--root").arg(self.folder.path());
        command
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log");
        let pace = format!("{PACE}@{}", self.origin);
        let daemon = self
            .spawnd()
            .args(["daemon", "--sandbox", &self.url, "--pace", &pace])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("spawnd starts");
        self.daemon = Some(daemon);
    }

    /// SIGKILL: nothing can be saved any more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().expect("killed");
            daemon.wait().expect("dead");
        }
    }

    /// SIGTERM, as systemd sends it; true when the daemon ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        let Some(mut daemon) = self.daemon.take() else { return false };
        let pid = daemon.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        daemon.wait().expect("it ends").success()
    }

    /// The command line, as a person uses it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.spawnd().args(arguments).output().expect("spawnd runs")
    }

    /// Seconds of the daemon's time since the boot.
    pub(crate) fn uptime(&self) -> u64 {
        let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
        let now: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        ((now - self.origin) * PACE as f64) as u64
    }

    /// Waits until something holds, for at most so many seconds of the daemon's time.
    pub(crate) fn until(&self, seconds: u64, holds: impl Fn(&World) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs_f64(seconds as f64 / PACE as f64);
        while Instant::now() < end {
            if holds(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        holds(self)
    }

    /// Which call of this name EC2 has heard.
    pub(crate) fn heard(&self, action: &str) -> bool {
        let wanted = format!("Action={action}");
        self.aws(|aws| aws.calls.iter().any(|call| call.contains(&wanted)))
    }

    pub(crate) fn powered_off(&self) -> bool {
        self.read("calls").lines().any(|line| line == "systemctl poweroff")
    }

    /// The instance is ended, one way or the other.
    pub(crate) fn ended(&self) -> bool {
        self.powered_off() || self.heard("StopInstances") || self.heard("TerminateInstances")
    }

    pub(crate) fn log(&self) -> String {
        self.read("log")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Request {
    line: String,
    headers: Vec<String>,
    body: String,
}

fn read_request(stream: &TcpStream) -> Option<Request> {
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
    Some(Request { line, headers, body: String::from_utf8_lossy(&body).to_string() })
}

fn serve(mut stream: TcpStream, aws: &Mutex<Aws>, began: Instant) {
    let Some(request) = read_request(&stream) else { return };
    let posted = request.line.starts_with("POST");
    if !posted && aws.lock().expect("no panic").imds == Imds::Hangs {
        // Longer than any time-out of the daemon.
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

fn imds(aws: &mut Aws, request: &Request) -> Option<(u16, String)> {
    match aws.imds {
        Imds::Works | Imds::Refuses => {}
        Imds::Closes | Imds::Hangs => return None,
        Imds::Fails => return Some((503, String::new())),
    }
    let path = request.line.split(' ').nth(1).unwrap_or_default().strip_prefix("/latest/")?.to_string();
    if request.line.starts_with("PUT") && path == "api/token" {
        aws.tokens += 1;
        return Some((200, format!("token-{}", aws.tokens)));
    }
    let valid = request.headers.contains(&format!("x-aws-ec2-metadata-token: token-{}", aws.tokens));
    if !valid || aws.imds == Imds::Refuses {
        return Some((401, String::new()));
    }
    let found = match path.as_str() {
        "dynamic/instance-identity/document" => {
            let pending = jiff::Timestamp::from_second(aws.pending as i64).expect("in range");
            let id = &aws.instance_id;
            Some(format!(r#"{{"instanceId":"{id}","region":"us-east-1","pendingTime":"{pending}","accountId":"1"}}"#))
        }
        "meta-data/tags/instance/spawn:expiry" => aws.tag.clone(),
        "meta-data/tags/instance/spawn:cap" => aws.cap.clone(),
        "meta-data/iam/security-credentials/" => Some("spawn-role".to_string()),
        "meta-data/iam/security-credentials/spawn-role" => Some(
            r#"{"Code":"Success","AccessKeyId":"ASIASANDBOX","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#
                .to_string(),
        ),
        "meta-data/spot/instance-action" if aws.spot => {
            Some(r#"{"action":"terminate","time":"2027-01-15T09:00:00Z"}"#.to_string())
        }
        _ => None,
    };
    Some(found.map_or((404, String::new()), |text| (200, text)))
}

fn ec2(aws: &mut Aws, request: &Request) -> Option<(u16, String)> {
    aws.calls.push(request.body.clone());
    let signed = request.headers.iter().any(|header| header.starts_with("authorization: aws4-hmac-sha256"));
    if !signed || !request.body.contains("i-sandbox0123456789") {
        aws.unsigned += 1;
    }
    let refused = |code: &str| {
        Some((400, format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>")))
    };
    match aws.ec2 {
        Ec2::Closes => return None,
        Ec2::Denies => return refused("UnauthorizedOperation"),
        Ec2::NoHibernation if request.body.contains("Hibernate=true") => {
            return refused("UnsupportedHibernationConfiguration");
        }
        Ec2::ExpiresOnce => {
            aws.ec2 = Ec2::Works;
            return refused("RequestExpired");
        }
        Ec2::Works | Ec2::NoHibernation => {}
    }
    if let Some((_, value)) = request.body.split_once("Tag.1.Value=") {
        let value = value.split('&').next().unwrap_or_default();
        aws.tag = Some(value.replace("%3B", ";").replace("%3D", "=").replace("%3A", ":"));
    }
    Some((200, "<Response><return>true</return></Response>".to_string()))
}
