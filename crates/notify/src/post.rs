//! An alert as a signed post.

use std::net::SocketAddr;
use std::time::Duration;

use domain::Timestamp;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, config::Config};
use webhook::WebhookPost;

use crate::address;

/// Time limit of one attempt.
const LIMIT: Duration = Duration::from_secs(10);

/// An alert for a webhook. It has no `Debug`, because its URL may contain a secret.
pub struct AlertPost<'a> {
    /// `https://…`; with `allow_private` also `http://…` at a private address.
    pub url: &'a str,
    /// The secret of the signature, at least 16 bytes.
    pub secret: &'a str,
    /// The instant that the signature contains.
    pub sent: Timestamp,
    /// The body, a JSON text.
    pub body: String,
    /// Whether private addresses are allowed.
    pub allow_private: bool,
    /// Certificate authorities in PEM that take the place of the public ones.
    pub authorities: Option<&'a [u8]>,
}

impl AlertPost<'_> {
    /// Makes one attempt, which takes at most 10 seconds.
    ///
    /// # Errors
    /// The reason, without the URL.
    pub fn send(self) -> Result<(), String> {
        let (host, port, secure) = parts(self.url).ok_or("the url is not one of a webhook")?;
        let addresses = address::resolve(&host, port, self.allow_private)?;
        if !secure && !addresses.iter().all(|address| address::is_private(address.ip())) {
            return Err("http is used at private addresses alone, expected https://…".to_string());
        }
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls(self.authorities)?)
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::new(), JudgedAddresses(addresses));
        WebhookPost::signed(self.url.to_string(), self.secret, self.sent, self.body).send(&agent)
    }
}

/// Returns host, port, and whether the connection is secure.
fn parts(url: &str) -> Option<(String, u16, bool)> {
    let url: Uri = url.parse().ok()?;
    let (default_port, secure) = match url.scheme_str()? {
        "https" => (443, true),
        "http" => (80, false),
        _ => return None,
    };
    let authority = url.authority()?;
    let is_plain = !authority.host().is_empty() && !authority.as_str().contains('@');
    is_plain.then(|| (authority.host().to_string(), authority.port_u16().unwrap_or(default_port), secure))
}

fn tls(authorities: Option<&[u8]>) -> Result<TlsConfig, String> {
    let roots = match authorities {
        None => RootCerts::WebPki,
        Some(pem) => {
            let mut certificates = Vec::new();
            for item in parse_pem(pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                    _ => return Err("the certificate authorities cannot be read, expected PEM".to_string()),
                }
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

/// The addresses that were judged, in place of a second look-up.
#[derive(Debug)]
struct JudgedAddresses(Vec<SocketAddr>);

impl Resolver for JudgedAddresses {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        // The array has room for 16.
        for address in self.0.iter().take(16) {
            found.push(*address);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::AlertPost;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn an_address_that_is_no_webhook_is_refused() {
        for url in [
            "https://user:word@hooks.example/",
            "ftp://hooks.example/",
            "hooks.example/x",
            "https://",
            "file:///etc/passwd",
        ] {
            assert_eq!(post(url, true), Err("the url is not one of a webhook".to_string()), "{url}");
        }
    }

    fn post(url: &str, allow_private: bool) -> Result<(), String> {
        let sent = "2027-01-15T08:00:00Z".parse().unwrap();
        let body = r#"{"a":1}"#.to_string();
        AlertPost { url, secret: "0123456789abcdef", sent, body, allow_private, authorities: None }.send()
    }

    /// Answers one request with a status and returns the request.
    fn serve(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(r#"{"a":1}"#) {
                let length = stream.read(&mut buffer).unwrap();
                request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
            write!(stream, "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            request
        });
        (url, server)
    }

    #[test]
    fn a_post_carries_the_body_and_its_signature() {
        let (url, server) = serve("204 No Content");
        assert_eq!(post(&url, true), Ok(()));
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /hook/s3cret HTTP/1.1\r\n"), "{request}");
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let signed = "t=1800000000,v1=d3e17924cac4a72ca2ee9e5700df170fdb5733eaf69ecd909fb0c18a962b03a5";
        assert!(request.contains(signed), "{request}");
    }

    #[test]
    fn a_refusal_a_redirect_and_a_silent_host_are_errors_without_the_url() {
        for (status, expected) in
            [("500 No", "status 500"), ("403 No", "status 403"), ("302 Found", "redirects are not followed")]
        {
            let (url, server) = serve(status);
            assert_eq!(post(&url, true), Err(expected.to_string()));
            server.join().unwrap();
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why = post(&format!("http://{closed}/hook/s3cret"), true).unwrap_err();
        assert!(why.starts_with("cannot be reached") && !why.contains("s3cret"), "{why}");
    }

    #[test]
    fn a_private_address_is_not_posted_to_without_permission() {
        let why = post("https://127.0.0.1:9/hook", false).unwrap_err();
        assert!(why.contains("allow_private = true"), "{why}");
    }
}
