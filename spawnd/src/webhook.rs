//! Posts each notice to the owner's webhook, signed with a shared secret. The URL and the secret
//! come from a file that only the daemon's user can read. They are in no tag, no argument and no
//! log. A separate thread sends the posts, so that the clock never waits for them.

use crate::machine::Machine;
use domain::{SHORTEST_SECRET, Timestamp};
use lifecycle::UserNotice;
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use webhook::WebhookPost;

const CONFIG: &str = "/etc/spawn/webhook.json";
/// Time limit of one attempt. There are two.
const LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
/// Notices in the queue. Further ones are dropped.
const WAITING: usize = 16;

/// The configuration file. It has no `Debug`, because it is never printed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookConfig {
    url: String,
    secret: String,
}

#[derive(Serialize)]
struct WebhookBody<'a> {
    version: u32,
    instance: Option<&'a str>,
    sent: Timestamp,
    urgency: lifecycle::NoticeUrgency,
    text: &'a str,
}

/// The owner's webhook, with a queue of posts.
pub(crate) struct Webhook {
    machine: Machine,
    sandbox: bool,
    tls: TlsConfig,
    queue: Option<SyncSender<WebhookPost>>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Webhook {
    /// Returns a webhook. With the sandbox it posts only to this machine, and otherwise only
    /// through TLS.
    pub(crate) fn new(machine: Machine, sandbox: bool, tls: TlsConfig) -> Webhook {
        Webhook { machine, sandbox, tls, queue: None, trouble: Arc::default() }
    }

    /// Returns the present problem, without URL and secret.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Queues a notice. The file is read each time, so that a changed secret needs no restart.
    pub(crate) fn post(&mut self, notice: &UserNotice, instance: Option<&str>, now: Timestamp) {
        let queued = match read(&self.machine, self.sandbox) {
            Ok(None) => Ok(()),
            Ok(Some(config)) => compose(config, notice, instance, now).and_then(|post| self.enqueue(post)),
            Err(why) => Err(why),
        };
        if let Err(why) = queued {
            report(&self.trouble, Some(why));
        }
    }

    fn enqueue(&mut self, post: WebhookPost) -> Result<(), String> {
        let trouble = Arc::clone(&self.trouble);
        let queue = self.queue.get_or_insert_with(|| {
            let (queue, posts) = sync_channel(WAITING);
            let tls = self.tls.clone();
            std::thread::spawn(move || deliver_all(&posts, &trouble, tls));
            queue
        });
        queue.try_send(post).map_err(|_| "too many notices are queued".to_string())
    }
}

/// Stores the present problem, and logs it when it is new.
fn report(trouble: &Mutex<Option<String>>, why: Option<String>) {
    let mut held = trouble.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(why) = &why
        && held.as_ref() != Some(why)
    {
        eprintln!("<4>webhook: {}", domain::visible(why));
    }
    *held = why;
}

/// Reads the configuration; `None` if the file does not exist.
fn read(machine: &Machine, sandbox: bool) -> Result<Option<WebhookConfig>, String> {
    let Some(text) = machine.read_own(CONFIG, 0o600)? else { return Ok(None) };
    // serde's error is dropped, because it may quote the file.
    let config: WebhookConfig = serde_json::from_str(&text)
        .map_err(|_| format!("{CONFIG} is not valid, expected {{\"url\": …, \"secret\": …}}"))?;
    if config.secret.len() < SHORTEST_SECRET {
        return Err(format!("the secret in {CONFIG} is too short, expected {SHORTEST_SECRET} characters"));
    }
    match allowed(&config.url, sandbox) {
        true => Ok(Some(config)),
        false => Err(format!("the url in {CONFIG} is not used, expected https://…")),
    }
}

fn allowed(url: &str, sandbox: bool) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let here =
        || uri.host().and_then(|host| host.parse().ok()).is_some_and(|ip: std::net::IpAddr| ip.is_loopback());
    match sandbox {
        true => matches!(uri.scheme_str(), Some("http" | "https")) && here(),
        false => uri.scheme_str() == Some("https") && uri.host().is_some(),
    }
}

fn compose(
    config: WebhookConfig,
    notice: &UserNotice,
    instance: Option<&str>,
    now: Timestamp,
) -> Result<WebhookPost, String> {
    let body = WebhookBody { version: 1, instance, sent: now, urgency: notice.urgency, text: &notice.text };
    let body = serde_json::to_string(&body).map_err(|error| error.to_string())?;
    Ok(WebhookPost::signed(config.url, &config.secret, now, body))
}

fn deliver_all(posts: &Receiver<WebhookPost>, trouble: &Mutex<Option<String>>, tls: TlsConfig) {
    let config = Agent::config_builder().timeout_global(Some(LIMIT)).max_redirects(0).tls_config(tls);
    let agent = Agent::from(config.build());
    for post in posts {
        let first = post.send(&agent);
        let outcome = first.or_else(|_| {
            std::thread::sleep(PAUSE);
            post.send(&agent)
        });
        report(trouble, outcome.err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::os::unix::fs::PermissionsExt;

    const GOOD: &str = r#"{"url":"https://hooks.example/T0/abc","secret":"0123456789abcdef"}"#;

    #[test]
    fn reads_the_file_strictly_and_never_quotes_it() {
        let check = |text: &str, mode: u32, sandbox: bool, expected: Result<(), &str>| {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            let path = machine.path(CONFIG);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("a mode");
            match (read(&machine, sandbox).map(|config| config.is_some()), expected) {
                (Ok(true), Ok(())) => {}
                (Err(why), Err(part)) => {
                    assert!(why.contains(part), "{why}");
                    assert!(!why.contains("hooks.example") && !why.contains("0123"), "{why}");
                }
                (read, _) => panic!("{text} {mode:o}: {read:?}"),
            }
        };
        check(GOOD, 0o600, false, Ok(()));
        check(GOOD, 0o400, false, Ok(()));
        check(GOOD, 0o640, false, Err("expected a file of mode 0600"));
        check(GOOD, 0o604, false, Err("expected a file of mode 0600"));
        check(GOOD, 0o600, true, Err("the url in"));
        check(&GOOD.replace("hooks.example", "127.0.0.1:9"), 0o600, true, Ok(()));
        check(&GOOD.replace("https", "http"), 0o600, false, Err("the url in"));
        check(r#"{"url":"https://hooks.example/","secret":"0123"}"#, 0o600, false, Err("too short"));
        check(r#"{"url":"https://hooks.example/"}"#, 0o600, false, Err("not valid"));
        check("https://hooks.example/", 0o600, false, Err("not valid"));
        check(r#"{"url":"http://127.0.0.1:9/x","secret":"0123456789abcdef"}"#, 0o600, true, Ok(()));
        check(r#"{"url":"http://10.0.0.1:9/x","secret":"0123456789abcdef"}"#, 0o600, true, Err("the url in"));
    }

    #[test]
    fn posts_nothing_without_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        assert!(read(&machine, false).is_ok_and(|config| config.is_none()));
    }
}
