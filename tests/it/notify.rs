//! `collector notify`: alerts arrive by webhook, by mail over TLS and at a command, each once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::{Desk, Ran, repository_root};

use crate::costs::{EARLY, import};
use crate::kills::{Dice, seed};

const ALERTS: &str = r#"{"alert_id":"budget-team-2026-11","text":"team is over its budget: $120 of $100","cost":120.5}
{"alert_id":"spike-2026-11-22","text":"Größe\u001b[31m of m5 <b>doubled</b>"}
"#;

/// Runs `collector notify --to targets.toml` with these alerts and targets.
fn notify(desk: &Desk, targets: &str, alerts: &str, words: &[&str]) -> Ran {
    let mut command = command(desk, targets, words);
    let mut child = command.spawn().unwrap();
    write_alerts(&mut child, alerts);
    Ran::of(child.wait_with_output().unwrap())
}

fn command(desk: &Desk, targets: &str, words: &[&str]) -> Command {
    fs::write(desk.home().join("targets.toml"), targets).unwrap();
    let words = [&["notify", "--to", "targets.toml", "-o", "csv"], words].concat();
    let mut command = desk.command("collector", &words);
    command.env("SECRET", "0123456789abcdef").env("PASSWORD", "correct-horse");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn write_alerts(child: &mut Child, alerts: &str) {
    // A command that refuses its file of targets reads no alerts.
    let _ = child.stdin.take().unwrap().write_all(alerts.as_bytes());
}

/// A mail server that is not ours, in Python.
struct MailServer {
    child: Child,
    implicit: String,
    starttls: String,
}

impl MailServer {
    fn start(desk: &Desk) -> Option<MailServer> {
        let python = repository_root().join(".tools/rival/bin/python");
        if !python.exists() {
            eprintln!("skipped: there is no .tools/rival; `cargo xtask setup --tests` makes it");
            return None;
        }
        let mut child = Command::new(python)
            .arg(repository_root().join("tests/it/mail_server.py"))
            .arg(desk.home())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ports = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ports).unwrap();
        let (implicit, starttls) = ports.trim().split_once(' ').unwrap();
        Some(MailServer { child, implicit: implicit.to_string(), starttls: starttls.to_string() })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mail(name: &str, port: &str, more: &str) -> String {
    format!(
        "[[mail]]\nname = \"{name}\"\nserver = \"127.0.0.1\"\nport = {port}\nfrom = \"alerts@example.org\"\n\
         to = [\"finance@example.org\"]\nuser = \"alerts\"\n{more}\n"
    )
}

#[test]
fn a_mail_goes_over_tls_or_not_at_all() {
    let desk = Desk::default();
    let Some(server) = MailServer::start(&desk) else { return };
    let trusted = "password = { env = \"PASSWORD\" }\nallow_private = true\nauthorities = \"ca.pem\"\n";
    let targets = mail("first", &server.implicit, trusted)
        + &mail("second", &server.starttls, &format!("starttls = true\n{trusted}"));
    let ran = notify(&desk, &targets, ALERTS, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("4 delivered, 0 delivered earlier, 0 failed"), "{}", ran.err);
    let mails = fs::read_to_string(desk.home().join("mails")).unwrap();
    assert_eq!(mails.matches("Subject: team is over its budget: $120 of $100\r\n").count(), 2, "{mails}");
    assert_eq!(mails.matches("cost: 120.5\r\n").count(), 2, "{mails}");
    assert!(mails.contains("Message-ID: <") && !mails.contains('\u{1b}'), "{mails}");
    let again = notify(&desk, &targets, ALERTS, &[]);
    assert!(again.err.contains("0 delivered, 4 delivered earlier, 0 failed"), "{}", again.err);
    assert_eq!(fs::read_to_string(desk.home().join("mails")).unwrap(), mails);

    let one = ALERTS.lines().next().unwrap();
    for (name, port, more, why) in [
        (
            "untrusted",
            &server.implicit,
            trusted.replace("authorities = \"ca.pem\"\n", ""),
            "its TLS is not accepted",
        ),
        ("no-tls", &server.starttls, trusted.to_string(), "its TLS is not accepted"),
        ("login", &server.implicit, trusted.replace("PASSWORD", "SECRET"), "refused it with code 535"),
        ("private", &server.implicit, trusted.replace("allow_private = true\n", ""), "allow_private = true"),
    ] {
        let ran = notify(&desk, &mail(name, port, &more), one, &[]);
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(&format!("{name},budget-team-2026-11,failed,3")), "{}", ran.out);
        assert!(ran.out.contains(why), "{name}: {}", ran.out);
        assert!(!ran.out.contains("horse") && !ran.err.contains("horse"), "{}{}", ran.out, ran.err);
    }
    assert_eq!(fs::read_to_string(desk.home().join("mails")).unwrap(), mails);
}

/// Answers each connection with the next status, and returns the bodies.
fn serve(statuses: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/abc", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let answer = |status: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
            String::from_utf8(body).unwrap()
        };
        statuses.iter().map(answer).collect()
    });
    (url, server)
}

#[test]
fn a_webhook_gets_each_alert_once_although_it_fails_at_first() {
    let desk = Desk::default();
    let (url, server) = serve(&["503 Busy", "200 OK", "204 No Content"]);
    let targets = format!(
        "[[webhook]]\nname = \"team\"\nurl = \"{url}\"\nsecret = {{ env = \"SECRET\" }}\nallow_private = true\n"
    );
    let dry = notify(&desk, &targets, ALERTS, &["--dry-run"]);
    assert!(dry.err.contains("dry run: 2 to deliver"), "{}", dry.err);
    let ran = notify(&desk, &targets, ALERTS, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("team,budget-team-2026-11,delivered,2,"), "{}", ran.out);
    assert!(ran.out.contains("team,spike-2026-11-22,delivered,1,"), "{}", ran.out);
    let bodies = server.join().unwrap();
    let same = |body: &str| body.split("\"urgency\"").nth(1).unwrap().to_string();
    assert_eq!(same(&bodies[0]), same(&bodies[1]));
    assert!(bodies[1].contains(r#""alert":{"alert_id":"budget-team-2026-11""#), "{bodies:?}");
    // The server has ended: a second post would fail.
    let again = notify(&desk, &targets, ALERTS, &[]);
    assert_eq!((again.code, again.out.matches("delivered earlier").count()), (0, 2), "{}", again.out);
    let printed = format!("{}{}{}", ran.out, ran.err, dry.err);
    assert!(!printed.contains("/hook/abc") && !printed.contains("0123456789"), "{printed}");
}

/// Returns the 40 alerts of `truffle alerts` about a budget with so many crossed thresholds.
fn crossed_thresholds(desk: &Desk) -> String {
    EARLY.iter().for_each(|statement| import(desk, statement));
    let percents: Vec<String> = (1..=20).map(|percent| percent.to_string()).collect();
    let percents = percents.join(",");
    let set = ["budget", "set", "all", "--amount", "100", "--actual", &percents, "--forecast", &percents];
    desk.truffle(&set).expect_success();
    let words = ["alerts", "--columns", "alert_id,text", "-o", "ndjson", "-q"];
    let out = desk.truffle(&words).expect_success();
    let alerts: Vec<&str> = out.lines().filter(|line| line.contains("budget/all/")).collect();
    assert_eq!(alerts.len(), 40, "{out}");
    alerts.join("\n") + "\n"
}

#[test]
fn nothing_is_lost_and_nothing_journalled_is_repeated_after_kills() {
    let desk = Desk::default();
    let log = desk.home().join("log");
    let script = format!("cat >> '{0}'; echo >> '{0}'", log.display());
    let targets =
        format!("[[command]]\nname = \"log\"\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"{script}\"]\n");
    let alerts = crossed_thresholds(&desk);
    let seed = seed();
    println!("MYCELIUM_KILLS_SEED={seed}");
    let mut dice = Dice(seed | 1);
    let journal = || {
        let text = fs::read_to_string(desk.home().join("targets.toml.journal")).unwrap_or_default();
        let ids = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        ids.map(|line| line.split('"').nth(7).unwrap().to_string()).collect::<Vec<String>>()
    };
    let logged = || {
        let mut counts = BTreeMap::new();
        for line in fs::read_to_string(&log).unwrap_or_default().lines().filter(|line| !line.is_empty()) {
            let id = line.split("\"alert_id\":\"").nth(1).unwrap().split('"').next().unwrap();
            *counts.entry(id.to_string()).or_insert(0) += 1;
        }
        counts
    };
    let mut kills = 0;
    for _ in 0..6 {
        let pause = 20 + dice.below(80);
        let (entered, before) = (journal(), logged());
        let mut child = command(&desk, &targets, &[]).spawn().unwrap();
        write_alerts(&mut child, &alerts);
        std::thread::sleep(Duration::from_millis(pause));
        let _ = child.kill();
        kills += i32::from(child.wait_with_output().unwrap().status.code().is_none());
        // The last program may still be writing.
        std::thread::sleep(Duration::from_millis(100));
        for id in entered {
            assert_eq!(logged().get(&id), before.get(&id), "{id} was delivered after it was entered");
        }
    }
    let last = notify(&desk, &targets, &alerts, &[]);
    assert_eq!(last.code, 0, "{}{}", last.out, last.err);
    let counts = logged();
    assert_eq!(counts.len(), 40, "{counts:?}");
    assert!(kills > 0, "no run was killed");
    let repeated: i32 = counts.values().map(|count| count - 1).sum();
    assert!(repeated <= kills, "each kill can repeat one delivery: {counts:?}");
}
