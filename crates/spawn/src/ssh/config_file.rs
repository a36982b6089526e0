//! The configuration for ssh: one file of spawn's own with a block per instance, and one line in
//! the user's file that includes it.

#![allow(clippy::disallowed_methods, reason = "the user's ssh configuration is a file")]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use console::Failure;
use durable::PRIVATE;

use super::arguments::{host_options, quote_words, quoted_path};
use super::known_hosts::is_instance_id;
use super::login_user::is_user;

const HEAD: &str = "# Written by `spawn ssh-config`, which replaces every change.\n";
/// The beginning of the line before each block; the id, the region and the account follow.
const MARK: &str = "# instance ";
/// The most bytes of a configuration.
const LONGEST: u64 = 4 * 1024 * 1024;

/// One instance in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigHost {
    /// Its id, under which ssh can reach it.
    pub(crate) id: String,
    /// The region's code.
    pub(crate) region: String,
    /// The number of the account that it runs in.
    pub(crate) account: String,
    /// The name for ssh, checked with [`is_alias`]; none if only the id can be one.
    pub(crate) alias: Option<String>,
    /// The login user.
    pub(crate) user: String,
    /// The key: a private file, or a public one whose private half an agent has.
    pub(crate) identity: PathBuf,
    /// Whether the key is accepted only after it was sent to Instance Connect.
    pub(crate) sends_key: bool,
}

/// The two configuration files.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFiles {
    /// The file with the blocks.
    own: PathBuf,
    /// The user's `~/.ssh/config`, which may be a link.
    users: PathBuf,
    known_hosts: PathBuf,
    proxy: ProxyProgram,
}

/// The program that a `ProxyCommand` starts.
#[derive(Debug, Clone)]
pub(crate) struct ProxyProgram {
    /// The executable `mycelium`.
    pub(crate) executable: PathBuf,
    /// The profile of `--account`; none for the credentials of the time of the connection.
    pub(crate) profile: Option<String>,
}

impl ConfigFiles {
    /// Returns the files of a user with this home folder. `folder` has spawn's ssh files.
    pub(crate) fn new(folder: &Path, home: &Path, proxy: ProxyProgram) -> ConfigFiles {
        ConfigFiles {
            own: folder.join("config"),
            users: home.join(".ssh").join("config"),
            known_hosts: folder.join("known_hosts"),
            proxy,
        }
    }

    /// Returns the path of the file with the blocks.
    pub(crate) fn path(&self) -> &Path {
        &self.own
    }

    /// Whether the file was ever written.
    pub(crate) fn exists(&self) -> bool {
        self.own.exists()
    }

    /// Returns the names that the user's own configuration has, which no instance may take over.
    pub(crate) fn taken_names(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(host_names(&read(&self.users)?))
    }

    /// Writes the blocks of these instances of an account. Blocks of other accounts, and of regions
    /// that were not read, stay. Returns the ids in the blocks that were removed.
    pub(crate) fn write(
        &self,
        hosts: &[ConfigHost],
        account: &str,
        read_regions: &[String],
    ) -> Result<Vec<String>, Failure> {
        let old = read(&self.own)?;
        let (read, kept): (Vec<ConfigBlock<'_>>, Vec<_>) = blocks(&old).partition(|block| {
            read_regions.iter().any(|read| read == block.region)
                && block.account.is_none_or(|known| known == account)
        });
        self.save(hosts, &kept)?;
        let is_gone = |block: &&ConfigBlock<'_>| !hosts.iter().any(|host| host.id == block.id);
        Ok(read.iter().filter(is_gone).map(|block| block.id.to_string()).collect())
    }

    /// Writes the block of one instance before all others, so that its name is the newest one's.
    pub(crate) fn update(&self, host: &ConfigHost) -> Result<(), Failure> {
        let old = read(&self.own)?;
        let kept: Vec<ConfigBlock<'_>> = blocks(&old).filter(|block| block.id != host.id).collect();
        self.save(std::slice::from_ref(host), &kept)
    }

    /// Removes the block of an instance.
    pub(crate) fn remove(&self, id: &str) -> Result<(), Failure> {
        let old = read(&self.own)?;
        let (gone, kept): (Vec<ConfigBlock<'_>>, Vec<_>) = blocks(&old).partition(|block| block.id == id);
        if gone.is_empty() { Ok(()) } else { self.save(&[], &kept) }
    }

    fn save(&self, hosts: &[ConfigHost], kept: &[ConfigBlock<'_>]) -> Result<(), Failure> {
        let mut text = String::from(HEAD);
        for host in hosts {
            text.push_str(&block(host, &self.proxy, &self.known_hosts)?);
        }
        kept.iter().for_each(|block| text.push_str(&block.text));
        let folder = self.own.parent().unwrap_or(&self.own);
        durable::create_private_folder(folder).map_err(|error| unwritten(folder, &error))?;
        durable::write_atomic(&self.own, text.as_bytes(), PRIVATE)
            .map_err(|error| unwritten(&self.own, &error))
    }

    /// Adds the line that includes the file to the user's configuration, before everything else.
    /// Returns whether it was missing.
    pub(crate) fn include(&self) -> Result<bool, Failure> {
        // A link, as collections of dotfiles have it, stays a link.
        let file = fs::canonicalize(&self.users).unwrap_or_else(|_| self.users.clone());
        let line = format!("Include {}", quoted_path(&self.own)?);
        let text = read(&file)?;
        if text.lines().any(|known| known.trim() == line) {
            return Ok(false);
        }
        let folder = file.parent().unwrap_or(&self.users);
        durable::create_private_folder(folder).map_err(|error| unwritten(folder, &error))?;
        durable::replace(&file, format!("{line}\n\n{text}").as_bytes(), PRIVATE)
            .map_err(|error| unwritten(&file, &error))?;
        Ok(true)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    match durable::read_text(path, LONGEST) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::broken(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

/// Returns the block of an instance.
fn block(host: &ConfigHost, program: &ProxyProgram, known_hosts: &Path) -> Result<String, Failure> {
    let ConfigHost { id, region, account, user, .. } = host;
    let is_account = account.bytes().all(|byte| byte.is_ascii_digit()) && !account.is_empty();
    if !is_instance_id(id) || !is_user(user) || !domain::Region::is_valid(region) || !is_account {
        return Err(Failure::broken(format!("{id:?} cannot be a host of ssh")));
    }
    let names = host.alias.iter().chain([id]).cloned().collect::<Vec<_>>().join(" ");
    let mut text =
        format!("{MARK}{id} {region} {account}\nHost {names}\n    HostName {id}\n    User {user}\n");
    for (name, value) in host_options(id, known_hosts)? {
        text.push_str(&format!("    {name} {value}\n"));
    }
    text.push_str(&format!("    IdentityFile {}\n", quoted_path(&host.identity)?));
    let proxy = proxy_command(host, program)?;
    text.push_str(&format!("    ProxyCommand {proxy}\n\n"));
    Ok(text)
}

/// Returns the command that ssh's shell starts, with the tokens of ssh escaped.
fn proxy_command(host: &ConfigHost, program: &ProxyProgram) -> Result<String, Failure> {
    let path =
        program.executable.to_str().filter(|path| !path.chars().any(char::is_control)).ok_or_else(|| {
            Failure::broken(format!("ssh cannot use the path {}", program.executable.display()))
        })?;
    let mut words = vec![path, "spawn", "proxy", &host.id, "--region", &host.region, "--user", &host.user];
    words.extend(program.profile.iter().flat_map(|profile| ["--account", profile]));
    if host.sends_key {
        words.push("--send-key");
    }
    Ok(quote_words(&words)?.replace('%', "%%"))
}

/// A block of the file.
struct ConfigBlock<'a> {
    id: &'a str,
    region: &'a str,
    /// Blocks of the first versions name no account.
    account: Option<&'a str>,
    text: String,
}

/// Returns the blocks of a file.
fn blocks(text: &str) -> impl Iterator<Item = ConfigBlock<'_>> {
    text.split(MARK).skip(1).filter_map(|part| {
        let mut words = part.lines().next()?.split(' ');
        let (id, region) = (words.next()?, words.next()?);
        Some(ConfigBlock { id, region, account: words.next(), text: format!("{MARK}{part}") })
    })
}

/// Returns the names in a configuration's `Host` lines, in lower case.
fn host_names(text: &str) -> BTreeSet<String> {
    let hosts = text.lines().filter_map(|line| {
        let (key, names) = line.trim().split_once([' ', '\t', '='])?;
        key.eq_ignore_ascii_case("host").then_some(names)
    });
    hosts.flat_map(str::split_whitespace).map(|name| name.trim_matches(['"', '=']).to_lowercase()).collect()
}

/// Whether the name of an instance can be a name for ssh. Anybody with the right to write tags
/// chooses it, so it must not be a pattern, an id, or the name of another host: those have a dot.
pub(crate) fn is_alias(name: &str, taken: &BTreeSet<String>) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let lower = name.to_lowercase();
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && !name.bytes().all(|byte| byte.is_ascii_digit())
        && lower != "localhost"
        && !is_instance_id(&lower)
        && !taken.contains(&lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn host(id: &str, region: &str, alias: Option<&str>) -> ConfigHost {
        ConfigHost {
            id: id.into(),
            region: region.into(),
            account: ACCOUNT.into(),
            alias: alias.map(String::from),
            user: "ec2-user".into(),
            identity: "/home/a/.ssh/id".into(),
            sends_key: false,
        }
    }

    fn files(home: &Path) -> ConfigFiles {
        let folder = home.join(".config/mycelium/ssh");
        let proxy = ProxyProgram {
            executable: "/opt/it's 100%/mycelium".into(),
            profile: Some("$(work)".to_string()),
        };
        ConfigFiles::new(&folder, home, proxy)
    }

    #[test]
    fn a_block_pins_the_host_and_starts_the_proxy() {
        let home = tempfile::tempdir().unwrap();
        let files = files(home.path());
        let mut try_host = host("i-1", "eu-west-1", Some("try"));
        try_host.sends_key = true;
        files.write(&[try_host], ACCOUNT, &["eu-west-1".into()]).unwrap();
        let text = fs::read_to_string(files.path()).unwrap();
        for line in [
            "Host try i-1",
            "    HostName i-1",
            "    HostKeyAlias i-1",
            "    StrictHostKeyChecking yes",
            "    IdentityFile \"/home/a/.ssh/id\"",
            r"    ProxyCommand '/opt/it'\''s 100%%/mycelium' 'spawn' 'proxy' 'i-1' '--region' 'eu-west-1' '--user' 'ec2-user' '--account' '$(work)' '--send-key'",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        let hostile = ConfigHost { user: "a\n  ProxyCommand x".into(), ..host("i-1", "eu-west-1", None) };
        assert!(files.update(&hostile).is_err());
    }

    #[test]
    fn blocks_of_unread_regions_stay_and_the_newest_comes_first() {
        let home = tempfile::tempdir().unwrap();
        let files = files(home.path());
        let ids = || -> Vec<String> {
            let text = fs::read_to_string(files.path()).unwrap();
            blocks(&text).map(|block| block.id.to_string()).collect()
        };
        let all = ["eu-west-1".to_string(), "us-east-1".to_string()];
        let first = [host("i-1", "eu-west-1", None), host("i-2", "us-east-1", None)];
        assert_eq!(files.write(&first, ACCOUNT, &all).unwrap(), [""; 0]);
        assert_eq!(files.write(&[host("i-3", "eu-west-1", None)], ACCOUNT, &all[..1]).unwrap(), ["i-1"]);
        assert_eq!(ids(), ["i-3", "i-2"]);
        files.update(&host("i-2", "us-east-1", Some("try"))).unwrap();
        assert_eq!(ids(), ["i-2", "i-3"]);
        let other = ConfigHost { account: "444455556666".into(), ..host("i-4", "eu-west-1", None) };
        assert_eq!(files.write(&[other], "444455556666", &all).unwrap(), [""; 0]);
        assert_eq!(ids(), ["i-4", "i-2", "i-3"]);
        files.remove("i-2").unwrap();
        files.remove("i-2").unwrap();
        assert_eq!(ids(), ["i-4", "i-3"]);
    }

    #[test]
    fn the_include_line_is_added_once_and_a_link_stays() {
        let home = tempfile::tempdir().unwrap();
        let files = files(home.path());
        assert!(files.include().unwrap());
        assert!(!files.include().unwrap());
        let users = home.path().join(".ssh/config");
        let text = fs::read_to_string(&users).unwrap();
        assert!(text.starts_with("Include \"/"), "{text}");
        fs::write(home.path().join("dotfile"), "Host a B\n  User x\nhost=c\n").unwrap();
        fs::remove_file(&users).unwrap();
        std::os::unix::fs::symlink(home.path().join("dotfile"), &users).unwrap();
        assert!(files.include().unwrap());
        assert!(users.is_symlink());
        assert_eq!(files.taken_names().unwrap(), ["a", "b", "c"].map(String::from).into());
        assert!(
            fs::read_to_string(home.path().join("dotfile"))
                .unwrap()
                .ends_with("\n\nHost a B\n  User x\nhost=c\n")
        );
    }

    #[test]
    fn a_name_that_could_be_another_host_is_no_alias() {
        let taken = ["work".to_string()].into();
        for name in ["try", "Try-2", "a_b", "0day"] {
            assert!(is_alias(name, &taken), "{name}");
        }
        for name in [
            "",
            "github.com",
            "Work",
            "localhost",
            "*",
            "!a",
            "-x",
            "a b",
            "a\nb",
            "i-0abc",
            "127",
            "é",
            "a,b",
        ] {
            assert!(!is_alias(name, &taken), "{name:?}");
        }
    }
}
