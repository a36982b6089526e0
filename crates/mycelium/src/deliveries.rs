//! The port that delivers alerts: `notify` for the network, and programs of this machine.

use std::time::Duration;

use collector::{Deliver, DeliveryTarget, OutgoingAlert};
use domain::Timestamp;
use notify::{AlertMail, AlertPost, MailServer, MailTls};
use spawn::{ProcessCommand, ProcessRunner};

use crate::processes::ChildProcesses;

/// Time limit of a program.
const LIMIT: Duration = Duration::from_secs(60);
/// The longest subject of a mail, in characters.
const LONGEST_SUBJECT: usize = 120;

/// Delivers through the network and through programs.
pub(crate) struct NetworkDelivery;

impl Deliver for NetworkDelivery {
    fn deliver(&self, target: &DeliveryTarget, alert: &OutgoingAlert, now: Timestamp) -> Result<(), String> {
        match target {
            DeliveryTarget::Webhook { url, secret, allow_private, authorities } => AlertPost {
                url,
                secret,
                sent: now,
                body: alert.body(now),
                allow_private: *allow_private,
                authorities: authorities.as_deref(),
            }
            .send(),
            DeliveryTarget::Mail { host, port, starttls, from, to, login, allow_private, authorities } => {
                let server = MailServer {
                    host,
                    port: *port,
                    tls: if *starttls { MailTls::StartTls } else { MailTls::Implicit },
                    login: login.as_ref().map(|(user, password)| (user.as_str(), password.as_str())),
                    allow_private: *allow_private,
                    authorities: authorities.as_deref(),
                };
                let subject: String = alert.text.chars().take(LONGEST_SUBJECT).collect();
                let body = mail_body(alert);
                AlertMail { from, to, subject: &subject, body: &body, id: &alert.digest(), sent: now }
                    .send(&server)
            }
            DeliveryTarget::Command { program, args } => {
                let command = ProcessCommand {
                    program: program.into(),
                    args: args.iter().map(Into::into).collect(),
                    ..ProcessCommand::default()
                };
                let ended = ChildProcesses.capture(&command, alert.body(now).as_bytes(), LIMIT);
                match ended.map_err(|error| format!("the program cannot be run: {error}"))?.code {
                    Some(0) => Ok(()),
                    Some(code) => Err(format!("the program ended with code {code}")),
                    None => Err("the program was stopped".to_string()),
                }
            }
        }
    }
}

/// The text, then each field of the alert on a line of its own.
fn mail_body(alert: &OutgoingAlert) -> String {
    let mut body = format!("{}\n\n", alert.text);
    for (name, value) in alert.fields.iter().filter(|(name, _)| *name != "text") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        body.push_str(&format!("{}: {}\n", domain::visible(name), domain::visible(&value)));
    }
    body
}
