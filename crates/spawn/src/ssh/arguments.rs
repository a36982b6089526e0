//! The argument list of ssh. Nothing in it is read by a shell of this machine, and no text from AWS
//! or from a file can become an option.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use console::Failure;

use super::known_hosts::is_instance_id;
use super::login_user::is_user;
use crate::ProcessCommand;

/// How long ssh waits for a connection.
const CONNECT_SECONDS: u32 = 10;

/// One call of ssh.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SshCall<'a> {
    /// The instance's id, under which its host key is pinned.
    pub(crate) id: &'a str,
    /// The address to connect to.
    pub(crate) address: IpAddr,
    /// The login user.
    pub(crate) user: &'a str,
    /// The file with the pinned host keys.
    pub(crate) known_hosts: &'a Path,
    /// The key: a private file, or a public one whose private half an agent has; none to offer no
    /// key.
    pub(crate) identity: Option<&'a Path>,
    /// The bastion.
    pub(crate) jump: Option<&'a str>,
    /// Whether it has the user's terminal; otherwise it asks no question.
    pub(crate) terminal: bool,
    /// Whether the program gets a terminal on the instance. A login shell always gets one.
    pub(crate) tty: bool,
    /// The forwardings of ssh's -L.
    pub(crate) forwards: &'a [String],
    /// The program and its arguments; none for a login shell.
    pub(crate) words: &'a [&'a str],
}

impl SshCall<'_> {
    /// Returns ssh's arguments.
    ///
    /// # Errors
    /// A part of the call cannot be an argument as it is.
    pub(crate) fn arguments(&self) -> Result<Vec<OsString>, Failure> {
        self.finish(OptionList::default())
    }

    /// Returns the arguments of a connection that only writes the server's host key of one kind
    /// into the file of known hosts. ssh's first value of an option counts.
    ///
    /// # Errors
    /// As [`SshCall::arguments`].
    pub(crate) fn probe_arguments(&self, kind: &str) -> Result<Vec<OsString>, Failure> {
        let mut list = OptionList::default();
        list.option("StrictHostKeyChecking", "accept-new");
        list.option("HostKeyAlgorithms", kind);
        list.option("HashKnownHosts", "no");
        list.option("PreferredAuthentications", "none");
        self.finish(list)
    }

    fn finish(&self, mut list: OptionList) -> Result<Vec<OsString>, Failure> {
        if !is_instance_id(self.id) {
            return Err(Failure::broken(format!("{:?} is not an instance id", self.id)));
        }
        for (name, value) in host_options(self.id, self.known_hosts)? {
            list.option(name, &value);
        }
        list.option("User", checked_user(self.user)?);
        match self.identity {
            Some(path) => list.option("IdentityFile", &quoted_path(path)?),
            None => list.option("PubkeyAuthentication", "no"),
        }
        // A connection of another process may lead to another instance with this address.
        for (name, value) in [("ControlMaster", "no"), ("ControlPath", "none"), ("RemoteCommand", "none")] {
            list.option(name, value);
        }
        list.option("PermitLocalCommand", "no");
        list.option("CanonicalizeHostname", "no");
        list.option("ConnectTimeout", &CONNECT_SECONDS.to_string());
        list.option("ServerAliveInterval", "15");
        if let Some(jump) = self.jump {
            list.option("ProxyJump", checked_jump(jump)?);
        }
        if !self.terminal {
            list.option("BatchMode", "yes");
            list.option("ForwardAgent", "no");
            list.option("ForwardX11", "no");
            list.option("ClearAllForwardings", "yes");
        }
        for forward in self.forwards {
            list.0.extend(["-L".into(), read_forward(forward)?.into()]);
        }
        match (self.terminal, self.tty) {
            (false, _) => list.0.push("-T".into()),
            (true, true) => list.0.push("-t".into()),
            (true, false) => {}
        }
        list.0.extend(["-p".into(), "22".into(), "--".into(), self.address.to_string().into()]);
        if !self.words.is_empty() {
            // The first -- ended ssh's options: a second one would be a word of the command.
            list.0.push(quote_words(self.words)?.into());
        }
        Ok(list.0)
    }
}

/// Returns the options that decide whether a server is the right one, as names and values of an ssh
/// configuration.
pub(crate) fn host_options(id: &str, known_hosts: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    let fixed = [
        ("HostKeyAlias", id),
        ("StrictHostKeyChecking", "yes"),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("UpdateHostKeys", "no"),
        ("VerifyHostKeyDNS", "no"),
        ("CheckHostIP", "no"),
        ("IdentitiesOnly", "yes"),
    ];
    let mut options: Vec<_> = fixed.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    options.push(("UserKnownHostsFile", quoted_path(known_hosts)?));
    Ok(options)
}

#[derive(Default)]
struct OptionList(Vec<OsString>);

impl OptionList {
    fn option(&mut self, name: &str, value: &str) {
        self.0.extend(["-o".into(), format!("{name}={value}").into()]);
    }
}

/// Returns a path as the value of an option in ssh's configuration: in quotation marks, and without
/// the tokens that begin with a percent sign.
pub(crate) fn quoted_path(path: &Path) -> Result<String, Failure> {
    let unusable = || Failure::broken(format!("ssh cannot use the path {}", path.display()));
    let text = path.to_str().filter(|text| text.starts_with('/')).ok_or_else(unusable)?;
    if text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '$')) {
        return Err(unusable().hint("use a path without quotation marks, backslashes and dollar signs"));
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

fn checked_user(user: &str) -> Result<&str, Failure> {
    match is_user(user) {
        true => Ok(user),
        false => Err(Failure::usage(format!("{user:?} is not a login user"))
            .hint("--user ec2-user, or ubuntu, admin, …, as the image has it")),
    }
}

/// Returns the command that connects its standard streams with the ssh server at an address,
/// through a bastion.
pub(crate) fn jump_command(jump: &str, address: IpAddr) -> Result<ProcessCommand, Failure> {
    let hops = checked_jump(jump)?;
    let mut list = OptionList::default();
    let last = match hops.rsplit_once(',') {
        Some((before, last)) => {
            list.option("ProxyJump", before);
            last
        }
        None => hops,
    };
    let forward = SocketAddr::new(address, 22).to_string();
    list.0.extend(["-W".into(), forward.into(), "--".into(), format!("ssh://{last}").into()]);
    Ok(ProcessCommand { program: "ssh".into(), args: list.0, ..ProcessCommand::default() })
}

/// Checks a bastion: hosts with an optional user and port, separated by commas. ssh puts it into a
/// command of its own, so only the characters of names, addresses and ports are accepted.
fn checked_jump(jump: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.:_-[]".contains(&byte);
    let is_host = |hop: &str| {
        let host = hop.rsplit_once('@').map_or(hop, |(_, host)| host);
        !host.is_empty() && !hop.starts_with('-') && !host.starts_with('-') && hop.bytes().all(plain)
    };
    match jump.split(',').all(is_host) {
        true => Ok(jump),
        false => Err(Failure::usage(format!("{jump:?} is not a bastion"))
            .hint("jump: user@bastion.example.com below ssh: in .spawn.yaml")),
    }
}

/// Reads a forwarding: a port alone means the same port on the instance.
pub(crate) fn read_forward(text: &str) -> Result<String, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-[]/*".contains(&byte);
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(format!("{port}:localhost:{port}")),
        _ if !text.starts_with('-') && text.bytes().all(plain) && has_two_sides(text) => Ok(text.to_string()),
        _ => Err(Failure::usage(format!("-L {text:?} is not a forwarding"))
            .hint("-L 8888, or -L PORT:HOST:PORT as in ssh")),
    }
}

/// Whether a forwarding has two sides that end in a port or a socket's path, and valid ports alone.
fn has_two_sides(text: &str) -> bool {
    // The colons of an IPv6 address in brackets separate nothing.
    let mut depth = 0;
    let sides = text.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ':' && depth == 0
    });
    let sides: Vec<&str> = sides.collect();
    let is_number = |side: &str| !side.is_empty() && side.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = |side: &str| side.parse::<u16>().is_ok_and(|port| port > 0);
    let ends_well = sides.last().is_some_and(|side| is_port(side) || side.contains('/'));
    (2..=4).contains(&sides.len()) && ends_well && sides.iter().all(|side| !is_number(side) || is_port(side))
}

/// Returns words as one command that a shell splits into the same words: each is in single
/// quotation marks.
pub(crate) fn quote_words<W: AsRef<str>>(words: &[W]) -> Result<String, Failure> {
    let mut command = String::new();
    for word in words {
        let word = word.as_ref();
        if word.contains('\0') {
            return Err(Failure::usage("a word of the command contains a NUL character"));
        }
        let space = if command.is_empty() { "" } else { " " };
        command.push_str(&format!("{space}'{}'", word.replace('\'', "'\\''")));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that an attacker would put into a name, a path or a setting.
    const HOSTILE: [&str; 14] = [
        "-oProxyCommand=touch /tmp/x",
        "a b",
        "$(touch x)",
        "`x`",
        "a;b",
        "a\nb",
        "a'b",
        "a\"b",
        "\u{1b}[2J",
        "a\\b",
        "*",
        "",
        "%h",
        "日本",
    ];

    const WORDS: &[&str] = &[];

    fn call<'a>(words: &'a [&'a str]) -> SshCall<'a> {
        SshCall {
            id: "i-0123456789abcdef0",
            address: "198.18.0.7".parse().unwrap(),
            user: "ec2-user",
            known_hosts: Path::new("/home/a/.config/mycelium/ssh/known_hosts"),
            identity: Some(Path::new("/home/a/.ssh/id_ed25519")),
            jump: None,
            terminal: false,
            tty: false,
            forwards: &[],
            words,
        }
    }

    fn text(arguments: &[OsString]) -> Vec<&str> {
        arguments.iter().map(|argument| argument.to_str().unwrap()).collect()
    }

    #[test]
    fn the_options_come_before_the_address_and_the_command_after_it() {
        let arguments = call(&["echo", "-n", "it's"]).arguments().unwrap();
        let arguments = text(&arguments);
        let end = arguments.iter().position(|word| *word == "--").unwrap();
        assert_eq!(arguments[end..], ["--", "198.18.0.7", r"'echo' '-n' 'it'\''s'"]);
        for option in [
            "HostKeyAlias=i-0123456789abcdef0",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=\"/home/a/.config/mycelium/ssh/known_hosts\"",
            "IdentityFile=\"/home/a/.ssh/id_ed25519\"",
            "IdentitiesOnly=yes",
            "User=ec2-user",
            "ControlPath=none",
            "BatchMode=yes",
        ] {
            let at = arguments.iter().position(|word| *word == option).expect(option);
            assert!(at < end && arguments[at - 1] == "-o", "{option}");
        }
        assert!(!arguments.iter().any(|word| word.starts_with("ProxyJump")));
    }

    #[test]
    fn a_shell_with_a_terminal_and_a_bastion() {
        let forwards = ["8888".to_string(), "1:db:2".to_string()];
        let jump = Some("me@bastion.example.com:2222,[2001:db8::1]");
        let call = SshCall { terminal: true, tty: true, jump, forwards: &forwards, ..call(WORDS) };
        let arguments = call.arguments().unwrap();
        let arguments = text(&arguments).join(" ");
        assert!(
            arguments.ends_with("-L 8888:localhost:8888 -L 1:db:2 -t -p 22 -- 198.18.0.7"),
            "{arguments}"
        );
        assert!(arguments.contains("-o ProxyJump=me@bastion.example.com:2222,[2001:db8::1] "), "{arguments}");
        assert!(!arguments.contains("BatchMode"), "{arguments}");
    }

    #[test]
    fn a_probe_offers_no_key_and_accepts_one_kind() {
        let call = SshCall { identity: None, ..call(WORDS) };
        let arguments = call.probe_arguments("ssh-ed25519").unwrap();
        let arguments = text(&arguments);
        let at = |word: &str| arguments.iter().position(|found| *found == word).expect(word);
        assert!(at("StrictHostKeyChecking=accept-new") < at("StrictHostKeyChecking=yes"));
        at("HostKeyAlgorithms=ssh-ed25519");
        at("PubkeyAuthentication=no");
        assert!(!arguments.iter().any(|word| word.starts_with("IdentityFile")));
    }

    #[test]
    fn a_chain_of_bastions_ends_at_the_last_one() {
        let check = |jump: &str, expected: &str| {
            let command = jump_command(jump, "10.0.0.7".parse().unwrap()).unwrap();
            assert_eq!(text(&command.args).join(" "), expected);
        };
        check("me@b:2222", "-W 10.0.0.7:22 -- ssh://me@b:2222");
        check("a,b", "-o ProxyJump=a -W 10.0.0.7:22 -- ssh://b");
        assert!(jump_command("-oX=y", "10.0.0.7".parse().unwrap()).is_err());
    }

    #[test]
    fn hostile_texts_are_refused_or_stay_one_word() {
        let plain = call(WORDS).arguments().unwrap().len();
        for hostile in HOSTILE {
            let refused = |call: SshCall<'_>| assert!(call.arguments().is_err(), "{hostile:?}");
            refused(SshCall { id: hostile, ..call(WORDS) });
            refused(SshCall { user: hostile, ..call(WORDS) });
            refused(SshCall { jump: Some(hostile), ..call(WORDS) });
            refused(SshCall { forwards: &[hostile.to_string()], ..call(WORDS) });
            refused(SshCall { identity: Some(Path::new(hostile)), ..call(WORDS) });
            let words = ["printf", hostile];
            let arguments = call(&words).arguments().unwrap();
            assert_eq!(arguments.len(), plain + 1, "{hostile:?}");
            assert!(text(&arguments).last().unwrap().starts_with("'printf' '"));
        }
        assert!(call(&["a\0b"]).arguments().is_err());
    }

    #[test]
    fn paths_keep_their_spaces_and_percent_signs() {
        assert_eq!(quoted_path(Path::new("/home/a b/100%")).unwrap(), "\"/home/a b/100%%\"");
        for path in ["relative", "/a\"b", "/a\\b", "/a$HOME", "/a\nb"] {
            assert!(quoted_path(Path::new(path)).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_forwarding_is_a_port_or_two_sides() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(read_forward(text).ok().as_deref(), expected, "{text}");
        };
        check("8888", Some("8888:localhost:8888"));
        check("8888:localhost:80", Some("8888:localhost:80"));
        check("[::1]:1:[::1]:2", Some("[::1]:1:[::1]:2"));
        check("0", None);
        check("65536", None);
        check("http", None);
        check("-oX=:", None);
        check("*:8888:db.internal:5432", Some("*:8888:db.internal:5432"));
        check("8888:/run/app.sock", Some("8888:/run/app.sock"));
        check("1:host:99999", None);
        check("0:host:80", None);
        check("1:host:", None);
        check("1:host", None);
        check("1:2:3:4:5", None);
    }
}
