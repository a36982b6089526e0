use std::path::PathBuf;
use std::time::Duration;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report};

use crate::Ports;
use crate::alerts::{DeliveryJournal, NamedTarget, OutgoingAlert, read_alerts, read_targets};

/// The largest input, in MiB.
const LARGEST_INPUT: usize = 16;
/// Attempts for each alert and target.
const TRIES: u32 = 3;
/// The pause before the second attempt; it doubles after that.
const PAUSE: Duration = Duration::from_secs(1);

/// Deliver alerts by webhook, mail or command, each once to each target.
///
/// Reads the lines of `truffle alerts -o ndjson` from standard input. The file of targets:
///
///   [[webhook]]                              a signed post, as spawnd sends it
///   name = "team"
///   url = { env = "HOOK_URL" }               or url = "https://…"
///   secret = { file = "hook.secret" }        at least 16 bytes, mode 0600; or env
///
///   [[mail]]                                 over TLS; starttls = true for port 587
///   name = "finance"
///   server = "smtp.example.org"
///   from = "alerts@example.org"
///   to = ["finance@example.org"]
///   user = "alerts"
///   password = { env = "SMTP_PASSWORD" }
///
///   [[command]]                              gets the body of a post on standard input
///   name = "pager"
///   program = "/usr/local/bin/page"
///   args = ["--urgent"]
///
/// A private address needs allow_private = true in its target; authorities = "ca.pem" takes the
/// place of the public certificate authorities. Each delivery is entered in FILE.journal (setting
/// journal). The exit code is 1 when an alert could not be delivered after three tries; the next
/// run tries it again.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct NotifyArgs {
    /// File of targets
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub to: PathBuf,
    /// Show the deliveries and make none
    #[arg(long)]
    pub dry_run: bool,
}

/// What became of one alert at one target.
struct Delivery {
    target: String,
    alert_id: String,
    outcome: &'static str,
    tries: u32,
    reason: Option<String>,
}

const DELIVERED: &str = "delivered";
const EARLIER: &str = "delivered earlier";
const PLANNED: &str = "planned";
const FAILED: &str = "failed";

pub(crate) fn run_notify(
    args: &NotifyArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let plan = read_targets(&args.to, ports.env)?;
    let input = (ports.input)(LARGEST_INPUT).map_err(|error| {
        Failure::new(FailureKind::Data, format!("the alerts cannot be read: {error}"))
            .hint("truffle alerts -o ndjson | collector notify --to FILE.toml")
    })?;
    let alerts = read_alerts(&input)?;
    let in_journal = |error: std::io::Error| {
        Failure::new(FailureKind::Data, format!("the journal {}: {error}", plan.journal.display()))
            .hint("name another file as journal in the file of targets")
    };
    let deliveries = if args.dry_run {
        let known = DeliveryJournal::peek(&plan.journal).map_err(in_journal)?;
        let is_known = |target: &NamedTarget, alert: &OutgoingAlert| {
            known.contains(&(target.name.clone(), alert.id.clone()))
        };
        let mut deliveries = Vec::new();
        for (target, alert) in pairs(&plan.targets, &alerts) {
            let outcome = if is_known(target, alert) { EARLIER } else { PLANNED };
            deliveries.push(Delivery::new(target, alert, outcome));
        }
        deliveries
    } else {
        let mut journal = DeliveryJournal::open(&plan.journal).map_err(in_journal)?;
        let progress = printer.progress("delivering alerts");
        let mut deliveries = Vec::new();
        for (target, alert) in pairs(&plan.targets, &alerts) {
            progress.set_message(target.name.clone());
            let delivery = deliver(target, alert, &journal, ports);
            if delivery.outcome == DELIVERED {
                journal.enter(&target.name, &alert.id, (ports.clock)()).map_err(in_journal)?;
            }
            deliveries.push(delivery);
        }
        deliveries
    };
    print(&deliveries, args.dry_run, ports, printer)
}

/// Each alert with each target. The alerts of one target stay in their order.
fn pairs<'a>(
    targets: &'a [NamedTarget],
    alerts: &'a [OutgoingAlert],
) -> impl Iterator<Item = (&'a NamedTarget, &'a OutgoingAlert)> {
    targets.iter().flat_map(|target| alerts.iter().map(move |alert| (target, alert)))
}

fn deliver(
    target: &NamedTarget,
    alert: &OutgoingAlert,
    journal: &DeliveryJournal,
    ports: &Ports<'_>,
) -> Delivery {
    if journal.contains(&target.name, &alert.id) {
        return Delivery::new(target, alert, EARLIER);
    }
    let mut pause = PAUSE;
    for tries in 1..=TRIES {
        let done = ports.deliver.deliver(&target.target, alert, (ports.clock)());
        match done {
            Ok(()) => return Delivery { tries, ..Delivery::new(target, alert, DELIVERED) },
            Err(why) if tries == TRIES => {
                let reason = Some(domain::visible(&why).into_owned());
                return Delivery { tries, reason, ..Delivery::new(target, alert, FAILED) };
            }
            Err(_) => {
                (ports.wait)(pause);
                pause *= 2;
            }
        }
    }
    unreachable!("the last try returns")
}

impl Delivery {
    fn new(target: &NamedTarget, alert: &OutgoingAlert, outcome: &'static str) -> Delivery {
        let (target, alert_id) = (target.name.clone(), alert.id.clone());
        Delivery { target, alert_id, outcome, tries: 0, reason: None }
    }
}

fn print(
    deliveries: &[Delivery],
    dry_run: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let fields = vec![
        Field::new("target", ValueType::Text),
        Field::new("alert_id", ValueType::Text),
        Field::new("outcome", ValueType::Text),
        Field::new("tries", ValueType::Int),
        Field::new("reason", ValueType::Text),
    ];
    let row = |delivery: &Delivery| {
        vec![
            delivery.target.as_str().into(),
            delivery.alert_id.as_str().into(),
            delivery.outcome.into(),
            Value::Int(i64::from(delivery.tries)),
            delivery.reason.as_deref().map_or(Value::Null, Value::from),
        ]
    };
    let page = Page { fields, rows: deliveries.iter().map(row).collect() };
    printer.report(&Report::plain(page), ports.encode)?;
    let count = |outcome| deliveries.iter().filter(|delivery| delivery.outcome == outcome).count();
    if dry_run {
        printer.note(&format!(
            "dry run: {} to deliver, {} delivered earlier",
            count(PLANNED),
            count(EARLIER)
        ));
        return Ok(Exit::Done);
    }
    printer.note(&format!(
        "{} delivered, {} delivered earlier, {} failed",
        count(DELIVERED),
        count(EARLIER),
        count(FAILED)
    ));
    match count(FAILED) {
        0 => Ok(Exit::Done),
        failed => Err(Failure::broken(format!("{failed} of {} deliveries failed", deliveries.len()))
            .hint("run the same command again: delivered alerts are not repeated")),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::fs;
    use std::path::Path;

    use catalog::ports::{AskError, SourceError, StopFlag};
    use catalog::testing::{FailingEncode, MemoryStore};
    use console::{CommonFlags, OutputFormat, Screen, Settings, SettingsSources};
    use domain::Timestamp;

    use super::*;
    use crate::{Deliver, DeliveryTarget};

    /// A network whose first attempts fail. It records the alerts that arrive.
    #[derive(Default)]
    struct FlakyNetwork {
        failures: Cell<u32>,
        arrived: RefCell<Vec<String>>,
    }

    impl Deliver for FlakyNetwork {
        fn deliver(&self, _: &DeliveryTarget, alert: &OutgoingAlert, _: Timestamp) -> Result<(), String> {
            if self.failures.get() > 0 {
                self.failures.set(self.failures.get() - 1);
                return Err("status 503".to_string());
            }
            self.arrived.borrow_mut().push(alert.id.clone());
            Ok(())
        }
    }

    const ALERTS: &str = "{\"alert_id\":\"one\",\"text\":\"a\"}\n{\"alert_id\":\"two\",\"text\":\"b\"}\n";

    /// Runs `collector notify`. Returns its end, and the pauses in seconds.
    fn notify(
        folder: &Path,
        network: &FlakyNetwork,
        input: &str,
        dry_run: bool,
    ) -> (Result<Exit, Failure>, Vec<u64>) {
        let to = folder.join("targets.toml");
        fs::write(&to, "[[command]]\nname = \"c\"\nprogram = \"/bin/true\"\n").unwrap();
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let out = || Box::new(std::io::sink());
        let mut printer = Printer::new(OutputFormat::Csv, screen, out(), out());
        let sources = SettingsSources { home: Some("/nonexistent".into()), ..SettingsSources::default() };
        let settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
        let pauses = RefCell::new(Vec::new());
        let ports = Ports {
            store: &MemoryStore::default(),
            warehouse: &|| Err(AskError::Failed("no warehouse in this test".into())),
            source: &|| Err(SourceError::Failed("no account in this test".into())),
            settings: &settings,
            clock: &|| "2026-11-30T08:00:00Z".parse().unwrap(),
            agree: &|_| None,
            deliver: network,
            input: &|_| Ok(input.to_string()),
            env: &|_| None,
            wait: &|pause| pauses.borrow_mut().push(pause.as_secs()),
            stop: &StopFlag::default(),
            encode: &FailingEncode("no columnar format in this test"),
        };
        let ended = run_notify(&NotifyArgs { to, dry_run }, &ports, &mut printer);
        (ended, pauses.into_inner())
    }

    #[test]
    fn an_alert_is_delivered_once_and_a_failed_one_again_at_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let network = FlakyNetwork::default();
        // Three failures use up the first alert's tries.
        network.failures.set(3);
        let (ended, pauses) = notify(folder.path(), &network, ALERTS, false);
        let failure = ended.unwrap_err();
        assert_eq!(failure.message, "1 of 2 deliveries failed");
        assert_eq!(pauses, [1, 2]);
        assert_eq!(*network.arrived.borrow(), ["two"]);
        network.failures.set(2);
        assert_eq!(notify(folder.path(), &network, ALERTS, false), (Ok(Exit::Done), vec![1, 2]));
        assert_eq!(*network.arrived.borrow(), ["two", "one"]);
        assert_eq!(notify(folder.path(), &network, ALERTS, false), (Ok(Exit::Done), vec![]));
        assert_eq!(network.arrived.borrow().len(), 2);
    }

    #[test]
    fn a_dry_run_and_a_broken_input_deliver_and_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let network = FlakyNetwork::default();
        assert_eq!(notify(folder.path(), &network, ALERTS, true).0, Ok(Exit::Done));
        let cut = &ALERTS[..ALERTS.len() - 4];
        assert_eq!(notify(folder.path(), &network, cut, false).0.unwrap_err().kind.code(), 4);
        assert!(network.arrived.borrow().is_empty());
        assert!(!folder.path().join("targets.toml.journal").exists());
        assert_eq!(notify(folder.path(), &network, "", false).0, Ok(Exit::Done));
    }
}
