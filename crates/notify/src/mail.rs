//! An alert as a mail, over SMTP with TLS. Without TLS nothing is sent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use domain::Timestamp;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use crate::address;

/// Time limit of each answer of the server.
const LIMIT: Duration = Duration::from_secs(10);

/// When the connection becomes secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From its first byte, usually at port 465 (RFC 8314).
    Implicit,
    /// With STARTTLS, usually at port 587. A server without it is refused.
    StartTls,
}

/// A server that accepts mails. It has no `Debug`, because it contains a password.
pub struct MailServer<'a> {
    /// The host, also the name that its certificate must have.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// When the connection becomes secure.
    pub tls: MailTls,
    /// User and password, if the server asks for them.
    pub login: Option<(&'a str, &'a str)>,
    /// Whether private addresses are allowed.
    pub allow_private: bool,
    /// Certificate authorities in PEM that take the place of the public ones.
    pub authorities: Option<&'a [u8]>,
}

/// The mail of one alert.
#[derive(Debug, Clone, Copy)]
pub struct AlertMail<'a> {
    /// The sender's address.
    pub from: &'a str,
    /// The recipients' addresses.
    pub to: &'a [String],
    /// The subject, one line.
    pub subject: &'a str,
    /// The body, plain text.
    pub body: &'a str,
    /// The part of the message id before `@`. The same alert has the same one, so that a mail that
    /// was sent twice is shown once.
    pub id: &'a str,
    /// The date of the mail.
    pub sent: Timestamp,
}

impl AlertMail<'_> {
    /// Makes one attempt at sending the mail.
    ///
    /// # Errors
    /// The reason, without user and password.
    pub fn send(&self, server: &MailServer<'_>) -> Result<(), String> {
        let message = self.compose()?;
        let addresses = address::resolve(server.host, server.port, server.allow_private)?;
        let mut why = String::new();
        for address in addresses {
            match connect(server, address)?.send(&message) {
                Ok(_) => return Ok(()),
                Err(error) if error.is_transient() || error.is_permanent() => return Err(refusal(&error)),
                Err(error) => why = failure(&error),
            }
        }
        Err(why)
    }

    fn compose(&self) -> Result<Message, String> {
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().map_err(|_| format!("{} is not a mail address", domain::visible(text)))
        };
        let mut message = Message::builder()
            .from(mailbox(self.from)?)
            .subject(domain::visible(self.subject))
            .date(self.sent.into())
            .message_id(Some(format!("<{}@mycelium>", self.id)))
            .header(header::ContentType::TEXT_PLAIN);
        for to in self.to {
            message = message.to(mailbox(to)?);
        }
        message.body(self.body.to_string()).map_err(|error| format!("the mail cannot be written: {error}"))
    }
}

fn connect(server: &MailServer<'_>, address: SocketAddr) -> Result<SmtpTransport, String> {
    let mut tls = TlsParameters::builder(server.host.to_string());
    if let Some(pem) = server.authorities {
        let certificate = Certificate::from_pem(pem)
            .map_err(|_| "the certificate authorities cannot be read, expected PEM".to_string())?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let tls = tls.build().map_err(|error| format!("no TLS with {}: {error}", server.host))?;
    let mut transport = SmtpTransport::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .timeout(Some(LIMIT))
        .tls(match server.tls {
            MailTls::Implicit => Tls::Wrapper(tls),
            MailTls::StartTls => Tls::Required(tls),
        });
    if let Some((user, password)) = server.login {
        transport = transport.credentials(Credentials::new(user.to_string(), password.to_string()));
    }
    Ok(transport.build())
}

/// The server's answer: its code, because its text may quote the login.
fn refusal(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server refused it with code {code}"),
        None => "the mail server refused it".to_string(),
    }
}

fn failure(error: &lettre::transport::smtp::Error) -> String {
    if error.is_tls() || has_invalid_data(error) {
        return "no secure connection to the mail server: its certificate or its TLS is not accepted"
            .to_string();
    }
    if error.is_timeout() {
        return "no answer of the mail server in time".to_string();
    }
    if error.is_client() {
        return "the mail server does not offer what is asked for, such as STARTTLS or a login".to_string();
    }
    "the mail server cannot be reached".to_string()
}

/// Whether rustls refused the handshake, which arrives as an error of input.
fn has_invalid_data(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        source = inner.source();
    }
    false
}
