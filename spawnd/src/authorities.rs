//! The certificate authorities that the daemon trusts for EC2 and the webhook: Mozilla's, which are
//! built in, or those in the owner's file (for a proxy that intercepts TLS, or a webhook with a
//! private authority).

use crate::machine::Machine;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

const FILE: &str = "/etc/spawn/authorities.pem";

/// Returns the TLS configuration, and the reason why the owner's file exists but is not used.
pub(crate) fn tls(machine: &Machine) -> (TlsConfig, Option<String>) {
    let (roots, trouble) = match read_authorities(machine) {
        Ok(None) => (RootCerts::WebPki, None),
        Ok(Some(certificates)) => (RootCerts::new_with_certs(&certificates), None),
        Err(why) => (RootCerts::WebPki, Some(format!("{why}; using the built-in authorities"))),
    };
    (TlsConfig::builder().root_certs(roots).build(), trouble)
}

/// Reads the owner's authorities; `None` if the file does not exist. A writer of this file can
/// impersonate EC2, so it must belong to the daemon's user, and others must not be able to write
/// it.
fn read_authorities(machine: &Machine) -> Result<Option<Vec<Certificate<'static>>>, String> {
    let Some(text) = machine.read_own(FILE, 0o644)? else { return Ok(None) };
    let items: Result<Vec<PemItem>, ureq::Error> = parse_pem(text.as_bytes()).collect();
    let certificates = items.unwrap_or_default().into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<Certificate> = certificates.collect();
    if certificates.is_empty() {
        return Err(format!("{FILE} is not used: expected certificates in PEM format"));
    }
    Ok(Some(certificates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::os::unix::fs::PermissionsExt;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    #[test]
    fn accepts_only_valid_authorities_that_others_cannot_write() {
        let check = |text: &str, mode: u32, expected: Result<usize, &str>| {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            assert!(read_authorities(&machine).is_ok_and(|none| none.is_none()));
            let path = machine.path(FILE);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("a mode");
            match (read_authorities(&machine), expected) {
                (Ok(Some(found)), Ok(count)) => assert_eq!(found.len(), count, "{text}"),
                (Err(why), Err(part)) => {
                    assert!(why.contains(part), "{why}");
                    let (config, trouble) = tls(&machine);
                    assert!(matches!(config.root_certs(), RootCerts::WebPki));
                    assert!(trouble.is_some_and(|why| why.ends_with("using the built-in authorities")));
                }
                (found, _) => panic!("{text} {mode:o}: {found:?}"),
            }
        };
        check(CERTIFICATE, 0o644, Ok(1));
        check(&CERTIFICATE.repeat(3), 0o400, Ok(3));
        check(CERTIFICATE, 0o664, Err("expected a file of mode 0644"));
        check(CERTIFICATE, 0o646, Err("expected a file of mode 0644"));
        check("", 0o644, Err("expected certificates"));
        check("certificates", 0o644, Err("expected certificates"));
        check(&CERTIFICATE.replace("MAA=", "M"), 0o644, Err("expected certificates"));
        check(&CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY"), 0o644, Err("expected certificates"));
    }

    #[test]
    fn rejects_a_symlink_and_an_oversized_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        let path = machine.path(FILE);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("a link");
        assert!(read_authorities(&machine).is_err());
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, CERTIFICATE.repeat(20_000)).expect("a file");
        assert!(read_authorities(&machine).is_err_and(|why| why.contains("longer than")));
    }
}
