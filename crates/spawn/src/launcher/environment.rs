//! Environment variables of an instance. They travel through ssh, never in the user data, which
//! every program on the instance can read.

use std::collections::BTreeMap;
use std::time::Duration;

use console::Failure;
use domain::hex;
use fleet::instance::InstanceView;
use sha2::{Digest, Sha256};

use crate::Ports;
use crate::ssh::{Session, SessionOptions};

/// Writes standard input to the file, for root alone, and prints the digest of the file.
const WRITE: &str = "umask 077 && mkdir -p /etc/spawn && cat >/etc/spawn/env.new && \
    mv /etc/spawn/env.new /etc/spawn/env && sha256sum /etc/spawn/env";
/// Time limit of that command.
const LIMIT: Duration = Duration::from_secs(60);

/// Writes the variables to `/etc/spawn/env` and compares the digest of the file.
///
/// # Errors
/// The instance cannot be reached, or the file has another content.
pub(crate) fn write_environment(
    variables: &BTreeMap<String, String>,
    instance: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<(), Failure> {
    let text = environment_file(variables);
    let session = Session::open(instance, options, ports)?;
    let sudo: &[&str] = if session.user() == "root" { &[] } else { &["sudo", "-n"] };
    let words = [sudo, &["sh", "-c", WRITE]].concat();
    let output = session.run(&words, text.as_bytes(), LIMIT)?;
    let expected = hex(Sha256::digest(text.as_bytes()));
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.code == Some(0) && printed.split_whitespace().any(|word| word == expected) {
        return Ok(());
    }
    Err(Failure::broken(format!("the variables of --env were not written on {}", instance.id))
        .hint("write them to /etc/spawn/env on the instance, with mode 0600"))
}

/// Returns the text of the file. A POSIX shell and systemd's EnvironmentFile read it alike.
fn environment_file(variables: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| {
        let escaped: String = value
            .chars()
            .flat_map(|c| ['"', '\\', '$', '`'].contains(&c).then_some('\\').into_iter().chain([c]))
            .collect();
        format!("{name}=\"{escaped}\"\n")
    };
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes() {
        let check = |value: &str, expected: &str| {
            let variables = [("A".to_string(), value.to_string())].into();
            assert_eq!(environment_file(&variables), expected);
        };
        check("plain", "A=\"plain\"\n");
        check("", "A=\"\"\n");
        check("two words", "A=\"two words\"\n");
        check("\"; rm -rf / #", "A=\"\\\"; rm -rf / #\"\n");
        check("$(id) `id` \\", "A=\"\\$(id) \\`id\\` \\\\\"\n");
    }
}
