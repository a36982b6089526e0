//! The targets of alerts, from a TOML file. Secrets are in the environment or in files of mode
//! 0600, and no error quotes one.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use console::Failure;
use domain::SHORTEST_SECRET;
use serde::Deserialize;

/// The largest file of targets, of a secret or of certificates, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Where an alert is delivered. It has no `Debug`, because it may contain secrets.
pub enum DeliveryTarget {
    /// A signed post, as spawnd sends it.
    Webhook {
        /// `https://…`, with `allow_private` also `http://…`; may contain a secret.
        url: String,
        /// The secret of the signature.
        secret: String,
        /// Whether private addresses are allowed.
        allow_private: bool,
        /// Certificate authorities in PEM, in place of the public ones.
        authorities: Option<Vec<u8>>,
    },
    /// A mail over SMTP with TLS.
    Mail {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// Whether the connection begins in clear text and must change to TLS.
        starttls: bool,
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
        /// User and password.
        login: Option<(String, String)>,
        /// Whether private addresses are allowed.
        allow_private: bool,
        /// Certificate authorities in PEM, in place of the public ones.
        authorities: Option<Vec<u8>>,
    },
    /// A program, which gets the body of a post on standard input.
    Command {
        /// The program, an absolute path.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// A target and its name.
pub struct NamedTarget {
    /// The name that the journal and the report use.
    pub name: String,
    /// The target.
    pub target: DeliveryTarget,
}

/// The targets of a file and the journal that belongs to them.
pub(crate) struct DeliveryPlan {
    /// The targets, in the order of their kinds in the file.
    pub(crate) targets: Vec<NamedTarget>,
    /// The file of the journal.
    pub(crate) journal: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetsFile {
    journal: Option<PathBuf>,
    #[serde(default)]
    webhook: Vec<WebhookTable>,
    #[serde(default)]
    mail: Vec<MailTable>,
    #[serde(default)]
    command: Vec<CommandTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    name: String,
    url: Secret,
    secret: Secret,
    #[serde(default)]
    allow_private: bool,
    authorities: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailTable {
    name: String,
    server: String,
    port: Option<u16>,
    #[serde(default)]
    starttls: bool,
    from: String,
    to: Vec<String>,
    user: Option<String>,
    password: Option<Secret>,
    #[serde(default)]
    allow_private: bool,
    authorities: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandTable {
    name: String,
    program: PathBuf,
    #[serde(default)]
    args: Vec<String>,
}

/// A text, or the place of a secret text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Secret {
    Text(String),
    Place(SecretPlace),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum SecretPlace {
    Env(String),
    File(PathBuf),
}

/// Reads the targets. Paths in the file are relative to it.
///
/// # Errors
/// The file cannot be read or has an unknown key; it has no target, or two of one name; a secret
/// is missing, too short or readable by others.
pub(crate) fn read_targets(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<DeliveryPlan, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("{}: {why}", path.display())).hint("collector notify --help shows a file")
    };
    let text = durable::read_text(path, LARGEST_FILE).map_err(|error| wrong(error.to_string()))?;
    let file: TargetsFile = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message().lines().next().unwrap_or_default()))
    })?;
    let reader = SecretReader { folder: path.parent().unwrap_or(Path::new("")), env };
    let targets = reader.targets(&file).map_err(wrong)?;
    let mut names = BTreeSet::new();
    if let Some(twice) = targets.iter().find(|target| !names.insert(target.name.as_str())) {
        return Err(wrong(format!("two targets have the name \"{}\"", twice.name)));
    }
    if targets.is_empty() {
        return Err(wrong("it has no target, expected [[webhook]], [[mail]] or [[command]]".to_string()));
    }
    let journal = match &file.journal {
        Some(journal) => reader.folder.join(journal),
        None => path.with_added_extension("journal"),
    };
    Ok(DeliveryPlan { targets, journal })
}

/// Reads what a file of targets refers to.
struct SecretReader<'a> {
    folder: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl SecretReader<'_> {
    fn targets(&self, file: &TargetsFile) -> Result<Vec<NamedTarget>, String> {
        let webhooks = file.webhook.iter().map(|table| (&table.name, self.webhook(table)));
        let mails = file.mail.iter().map(|table| (&table.name, self.mail(table)));
        let commands = file.command.iter().map(|table| (&table.name, self.command(table)));
        let named = |(name, target): (&String, Result<DeliveryTarget, String>)| match target {
            _ if name.is_empty() || domain::visible(name) != *name => Err("a target has no name".to_string()),
            Ok(target) => Ok(NamedTarget { name: name.clone(), target }),
            Err(why) => Err(format!("target \"{name}\": {why}")),
        };
        webhooks.chain(mails).chain(commands).map(named).collect()
    }

    fn webhook(&self, table: &WebhookTable) -> Result<DeliveryTarget, String> {
        let url = match &table.url {
            Secret::Text(url) => url.clone(),
            Secret::Place(place) => self.read("url", place)?,
        };
        let secret = self.secret("secret", &table.secret)?;
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("its secret is shorter than {SHORTEST_SECRET} bytes"));
        }
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme != "https" && !(scheme == "http" && table.allow_private) {
            return Err("its url is not used, expected https://…".to_string());
        }
        let authorities = self.authorities(table.authorities.as_deref())?;
        Ok(DeliveryTarget::Webhook { url, secret, allow_private: table.allow_private, authorities })
    }

    fn mail(&self, table: &MailTable) -> Result<DeliveryTarget, String> {
        let login = match (&table.user, &table.password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user.clone(), self.secret("password", password)?)),
            _ => return Err("user and password belong together".to_string()),
        };
        if table.to.is_empty() {
            return Err("it has no recipient in to".to_string());
        }
        Ok(DeliveryTarget::Mail {
            host: table.server.clone(),
            // The ports of RFC 8314 and RFC 6409.
            port: table.port.unwrap_or(if table.starttls { 587 } else { 465 }),
            starttls: table.starttls,
            from: table.from.clone(),
            to: table.to.clone(),
            login,
            allow_private: table.allow_private,
            authorities: self.authorities(table.authorities.as_deref())?,
        })
    }

    fn command(&self, table: &CommandTable) -> Result<DeliveryTarget, String> {
        if !table.program.is_absolute() {
            return Err("its program is not an absolute path".to_string());
        }
        Ok(DeliveryTarget::Command { program: table.program.clone(), args: table.args.clone() })
    }

    fn secret(&self, key: &str, secret: &Secret) -> Result<String, String> {
        match secret {
            Secret::Text(_) => Err(format!(
                "{key} is written in the file, expected {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
            )),
            Secret::Place(place) => self.read(key, place),
        }
    }

    fn read(&self, key: &str, place: &SecretPlace) -> Result<String, String> {
        match place {
            SecretPlace::Env(name) => (self.env)(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("{key}: the variable {} is not set", domain::visible(name))),
            SecretPlace::File(file) => {
                let path = self.folder.join(file);
                read_private(&path).map_err(|error| format!("{key}: {}: {error}", path.display()))
            }
        }
    }

    fn authorities(&self, path: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = path.map(|path| self.folder.join(path)) else { return Ok(None) };
        let read = durable::read_regular(&path, LARGEST_FILE);
        read.map(Some).map_err(|error| format!("authorities: {}: {error}", path.display()))
    }
}

/// Reads a file that only its owner can read, without the line break at its end.
fn read_private(path: &Path) -> io::Result<String> {
    let file = durable::open_regular(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::other("others can read it, expected mode 0600"));
    }
    let text = String::from_utf8(durable::read_bounded(file, LARGEST_FILE)?)
        .map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{DeliveryTarget, read_targets};

    const SECRET: &str = "0123456789abcdef";

    fn read(text: &str, mode: u32) -> Result<super::DeliveryPlan, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.toml");
        fs::write(&path, text).unwrap();
        fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        fs::set_permissions(folder.path().join("secret"), PermissionsExt::from_mode(mode)).unwrap();
        let env = |name: &str| match name {
            "HOOK" => Some("https://hooks.example/T0/abc".to_string()),
            "SHORT" => Some("0123".to_string()),
            "SECRET" => Some(SECRET.to_string()),
            _ => None,
        };
        read_targets(&path, &env).map_err(|failure| {
            assert_eq!(failure.kind.code(), 2);
            assert!(!failure.message.contains(SECRET), "{}", failure.message);
            failure.message
        })
    }

    #[test]
    fn reads_the_three_kinds_of_targets() {
        let plan = read(
            r#"
            journal = "seen"
            [[webhook]]
            name = "hook"
            url = { env = "HOOK" }
            secret = { file = "secret" }
            [[mail]]
            name = "mail"
            server = "smtp.example"
            starttls = true
            from = "a@example.org"
            to = ["b@example.org"]
            user = "a"
            password = { env = "SECRET" }
            [[command]]
            name = "page"
            program = "/usr/bin/true"
            args = ["--now"]
            "#,
            0o600,
        );
        let plan = plan.unwrap_or_else(|why| panic!("{why}"));
        assert!(plan.journal.ends_with("seen"));
        let names: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["hook", "mail", "page"]);
        let DeliveryTarget::Webhook { url, secret, .. } = &plan.targets[0].target else {
            panic!("a webhook")
        };
        assert_eq!((url.as_str(), secret.as_str()), ("https://hooks.example/T0/abc", SECRET));
        let DeliveryTarget::Mail { port, login, .. } = &plan.targets[1].target else { panic!("a mail") };
        assert_eq!((*port, login.as_ref().unwrap().1.as_str()), (587, SECRET));
    }

    #[test]
    fn refuses_a_file_with_its_reason() {
        let hook =
            |url: &str, secret: &str| format!("[[webhook]]\nname = \"h\"\nurl = {url}\nsecret = {secret}\n");
        let url = "\"https://hooks.example/\"";
        let command = "[[command]]\nname = \"c\"\nprogram = \"/bin/true\"\n";
        let mail = "[[mail]]\nname = \"m\"\nserver = \"s\"\nfrom = \"a@b\"\nto = [\"c@d\"]\n";
        for (text, part) in [
            (String::new(), "it has no target"),
            ("[[web]]\n".to_string(), "line 1: unknown field `web`"),
            (format!("{command}shell = true\n"), "line 4: unknown field `shell`"),
            (format!("{command}{command}"), "two targets have the name \"c\""),
            (command.replace("/bin/true", "true"), "its program is not an absolute path"),
            (command.replace("\"c\"", "\"\""), "a target has no name"),
            (hook(url, "\"0123456789abcdef\""), "secret is written in the file"),
            (hook(url, "{ env = \"MISSING\" }"), "the variable MISSING is not set"),
            (hook(url, "{ env = \"SHORT\" }"), "shorter than 16 bytes"),
            (hook(url, "{ file = \"secret\" }"), "others can read it, expected mode 0600"),
            (hook(url, "{ file = \"none\" }"), "No such file"),
            (hook("\"http://127.0.0.1/\"", "{ env = \"SECRET\" }"), "expected https://…"),
            (format!("{mail}user = \"a\"\n"), "user and password belong together"),
            (mail.replace("\"c@d\"", ""), "it has no recipient in to"),
            ("[[mail\n".to_string(), "line 1:"),
        ] {
            let why = read(&text, 0o644).map(|_| ()).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
