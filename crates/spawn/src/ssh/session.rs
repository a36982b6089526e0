//! Sessions with an instance through ssh.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use console::Failure;
use durable::PRIVATE;
use fleet::instance::{InstanceState, InstanceView};
use fleet::ports::InstanceLogin;

use super::arguments::{SshCall, quote_words};
use super::client::{PROBE_LIMIT, not_started, start_ssh};
use super::host_pin::ensure_pinned;
use super::identity::{KeyPlace, UserKey, find_key, key_of_file, list_user_keys};
use super::known_hosts::KnownHosts;
use super::login_user::user_of;
use super::session_failure::{SessionFailure, SessionFault};
use super::throwaway::ThrowawayKey;
use crate::{Ports, ProcessCommand, ProcessOutput};

/// ssh's exit code for its own failures.
const SSH_FAILED: i32 = 255;

/// The choices for a session. The default takes everything from the instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionOptions {
    /// The login user (`--user`, else the setting `ssh.user`); none for the user of the image.
    pub(crate) user: Option<String>,
    /// The bastion (the setting `ssh.jump`), as ssh's option ProxyJump reads it.
    pub(crate) jump: Option<String>,
    /// A private key file instead of the one of the instance's key pair.
    pub(crate) identity: Option<PathBuf>,
    /// Whether an unknown host key is accepted at the first connection.
    pub(crate) trust_first: bool,
    /// The way in; none to try the user's own key, then Instance Connect.
    pub(crate) via: Option<SessionRoute>,
}

/// A way into an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionRoute {
    /// ssh with a key of the user.
    Key,
    /// ssh with a throwaway key, which EC2 Instance Connect accepts for 60 seconds.
    InstanceConnect,
    /// A shell of the Session Manager, without ssh. [`Session`] cannot use it.
    SessionManager,
}

/// The program that gets the user's terminal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TerminalRequest<'a> {
    /// The program and its arguments; none for a login shell.
    pub(crate) words: &'a [&'a str],
    /// The forwardings of ssh's -L.
    pub(crate) forwards: &'a [String],
    /// Whether the program gets a terminal on the instance. A login shell always gets one.
    pub(crate) tty: bool,
}

/// A way to run programs on an instance through ssh. Each call opens a connection of its own.
pub(crate) struct Session<'a> {
    ports: &'a Ports<'a>,
    instance: InstanceView,
    user: String,
    address: IpAddr,
    jump: Option<String>,
    known: KnownHosts,
    key: Option<UserKey>,
    via: Option<SessionRoute>,
    throwaway: OnceCell<ThrowawayKey>,
}

/// The key of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionKey {
    Own,
    Throwaway,
}

impl<'a> Session<'a> {
    /// Finds the address, the user, the key and the pinned host key of a running instance. It does
    /// not connect, unless a fingerprint in `spawn:seen` must be compared with the server's key.
    ///
    /// # Errors
    /// One of them cannot be found; [`SessionFault::HostKeyUnknown`] right after a launch.
    pub(crate) fn open(
        instance: &InstanceView,
        options: &SessionOptions,
        ports: &'a Ports<'a>,
    ) -> Result<Session<'a>, SessionFailure> {
        let address = address_of(instance, options.jump.is_some())?;
        let user = user_of(instance, options.user.as_deref(), ports);
        let known = KnownHosts::open(&ports.ssh_folder())?;
        let key = match (&options.identity, options.via) {
            (Some(path), _) => Some(read_identity(path)?),
            (None, Some(SessionRoute::InstanceConnect)) => None,
            (None, _) => key_of(instance, ports),
        };
        if key.is_none() && options.via == Some(SessionRoute::Key) {
            return Err(no_key(instance));
        }
        let session = Session {
            ports,
            instance: instance.clone(),
            user,
            address,
            jump: options.jump.clone(),
            known,
            key,
            via: options.via,
            throwaway: OnceCell::new(),
        };
        let call = session.call(&[]);
        ensure_pinned(instance, &session.known, &call, options.trust_first, ports)?;
        Ok(session)
    }

    /// Returns the login user.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Runs a program with these bytes on its standard input, without a terminal and without any
    /// question. The words are quoted one by one, so none is read by the shell. Any exit code of
    /// the program itself is a success here: look at [`ProcessOutput::code`].
    ///
    /// # Errors
    /// The connection failed (ssh's exit code 255), or `limit` is over.
    pub(crate) fn run(
        &self,
        words: &[&str],
        input: &[u8],
        limit: Duration,
    ) -> Result<ProcessOutput, SessionFailure> {
        let first = self.first_silent_key();
        match self.attempt(first, words, input, limit) {
            Err(refused) if self.may_retry(first, &refused) => {
                self.attempt(SessionKey::Throwaway, words, input, limit)
            }
            done => done,
        }
    }

    /// Runs a program without a terminal and without input, and hands over each line of its output
    /// as it comes, until the program ends.
    ///
    /// # Errors
    /// The connection failed, or `on_line` did.
    pub(crate) fn stream(
        &self,
        words: &[&str],
        on_line: &mut dyn FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), SessionFailure> {
        // It also shows whether the key is accepted, while questions and messages are possible.
        let key = self.silent_key()?;
        let identity = self.identity(key)?;
        let args = SshCall { identity: Some(&identity), ..self.call(words) }.arguments()?;
        let command = ProcessCommand { program: "ssh".into(), args, ..ProcessCommand::default() };
        let mut failed = None;
        let ended = self.ports.processes.stream(&command, &mut |line| {
            on_line(line).map_err(|failure| {
                failed = Some(failure);
                io::ErrorKind::Other.into()
            })
        });
        match (failed, ended) {
            (Some(failure), _) => Err(failure.into()),
            (None, Err(error)) => Err(not_started(error)),
            (None, Ok(_)) => Ok(()),
        }
    }

    /// Connects once, and returns the key that the server accepts without a question.
    fn silent_key(&self) -> Result<SessionKey, SessionFailure> {
        let probe = |key| self.attempt(key, &["true"], b"", PROBE_LIMIT).map(|_| key);
        let first = self.first_silent_key();
        match probe(first) {
            Err(refused) if self.may_retry(first, &refused) => probe(SessionKey::Throwaway),
            done => done,
        }
    }

    fn first_silent_key(&self) -> SessionKey {
        if self.has_silent_key() { SessionKey::Own } else { SessionKey::Throwaway }
    }

    fn has_silent_key(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.place.is_silent())
    }

    /// Gives the terminal to a program of the instance, or to its login shell, and returns its exit
    /// code.
    ///
    /// # Errors
    /// The connection failed.
    pub(crate) fn hand_over(&self, request: &TerminalRequest<'_>) -> Result<i32, SessionFailure> {
        let first = if self.key.is_some() { SessionKey::Own } else { SessionKey::Throwaway };
        let code = self.give_terminal(first, request)?;
        if code != SSH_FAILED {
            return Ok(code);
        }
        // Either ssh failed, and printed the reason, or the program itself ended with this code.
        match self.silent_key()? {
            SessionKey::Throwaway if self.has_silent_key() => {
                self.give_terminal(SessionKey::Throwaway, request)
            }
            _ => Ok(code),
        }
    }

    /// Returns the ssh command for a person, with the user's own key.
    pub(crate) fn command_line(&self, request: &TerminalRequest<'_>) -> Result<String, SessionFailure> {
        if self.key.is_none() {
            return Err(no_key(&self.instance));
        }
        let arguments = self.terminal_arguments(SessionKey::Own, request)?;
        let words = arguments.iter().map(|word| word.to_string_lossy());
        Ok(format!("ssh {}", quote_words(&words.collect::<Vec<_>>())?))
    }

    fn may_retry(&self, used: SessionKey, failed: &SessionFailure) -> bool {
        used == SessionKey::Own && self.via.is_none() && failed.fault == SessionFault::KeyRefused
    }

    fn attempt(
        &self,
        key: SessionKey,
        words: &[&str],
        input: &[u8],
        limit: Duration,
    ) -> Result<ProcessOutput, SessionFailure> {
        let identity = self.identity(key)?;
        let call = SshCall { identity: Some(&identity), ..self.call(words) };
        let output = start_ssh(&call.arguments()?, input, limit, self.ports)?;
        match output.code {
            None => Err(timed_out(&self.instance.id, limit)),
            Some(SSH_FAILED) => {
                Err(SessionFailure::of_connection(&self.instance.id, &self.user, &output.stderr))
            }
            Some(_) => Ok(output),
        }
    }

    fn give_terminal(&self, key: SessionKey, request: &TerminalRequest<'_>) -> Result<i32, SessionFailure> {
        let args = self.terminal_arguments(key, request)?;
        let command = ProcessCommand { program: "ssh".into(), args, ..ProcessCommand::default() };
        self.ports.processes.hand_over(&command).map_err(not_started)
    }

    fn terminal_arguments(
        &self,
        key: SessionKey,
        request: &TerminalRequest<'_>,
    ) -> Result<Vec<OsString>, SessionFailure> {
        let identity = self.identity(key)?;
        let call = SshCall {
            identity: Some(&identity),
            terminal: true,
            tty: request.tty,
            forwards: request.forwards,
            ..self.call(request.words)
        };
        Ok(call.arguments()?)
    }

    fn call<'c>(&'c self, words: &'c [&'c str]) -> SshCall<'c> {
        SshCall {
            id: &self.instance.id,
            address: self.address,
            user: &self.user,
            known_hosts: self.known.path(),
            identity: None,
            jump: self.jump.as_deref(),
            terminal: false,
            tty: false,
            forwards: &[],
            words,
        }
    }

    /// Returns the file of a key. A throwaway key is sent to Instance Connect first.
    fn identity(&self, key: SessionKey) -> Result<PathBuf, SessionFailure> {
        match (key, &self.key) {
            (SessionKey::Own, Some(key)) => identity_file(key, self.ports),
            _ => {
                let made = self.throwaway()?;
                send_key(&self.instance, &self.user, &made.public.line(), self.ports)?;
                Ok(made.file.clone())
            }
        }
    }

    fn throwaway(&self) -> Result<&ThrowawayKey, SessionFailure> {
        if self.throwaway.get().is_none() {
            let made = ThrowawayKey::make(&self.ports.ssh_folder(), self.ports.processes)?;
            let _ = self.throwaway.set(made);
        }
        self.throwaway.get().ok_or_else(|| no_key(&self.instance))
    }
}

/// Pins the host key of an instance, and does nothing else.
pub(crate) fn pin_host(
    instance: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<(), SessionFailure> {
    let known = KnownHosts::open(&ports.ssh_folder())?;
    let call = SshCall {
        id: &instance.id,
        address: address_of(instance, options.jump.is_some())?,
        // Reading a host key sends no user.
        user: "none",
        known_hosts: known.path(),
        identity: None,
        jump: options.jump.as_deref(),
        terminal: false,
        tty: false,
        forwards: &[],
        words: &[],
    };
    ensure_pinned(instance, &known, &call, options.trust_first, ports)
}

/// Makes an instance accept a public key for 60 seconds.
pub(crate) fn send_key(
    instance: &InstanceView,
    user: &str,
    public_key: &str,
    ports: &Ports<'_>,
) -> Result<(), SessionFailure> {
    let InstanceView { region, id, .. } = instance;
    let login = InstanceLogin { region, instance: id, zone: instance.details.zone.as_deref(), user };
    ports.access.send_public_key(&login, public_key).map_err(|error| {
        let text = format!("no key of this machine fits {id}, and Instance Connect failed: {error}");
        SessionFailure::of(SessionFault::KeyRefused, text)
            .hint("name a key with --identity FILE, or go in with --via session-manager")
    })
}

/// Returns the address of a running instance. Behind a bastion that is the private one.
pub(crate) fn address_of(instance: &InstanceView, has_jump: bool) -> Result<IpAddr, SessionFailure> {
    let InstanceView { id, state, details, .. } = instance;
    if *state != InstanceState::Running {
        let why = format!("{id} is {}", state.word());
        return Err(SessionFailure::of(SessionFault::Other, why).hint(match state {
            InstanceState::Stopped => format!("spawn start {id}"),
            InstanceState::Pending => "run the same command again in a minute".to_string(),
            _ => "spawn list shows the running ones".to_string(),
        }));
    }
    let public = [&details.public_address, &details.ipv6_address, &details.private_address];
    let private = [&details.private_address, &details.ipv6_address, &details.public_address];
    let addresses = if has_jump { private } else { public };
    addresses.into_iter().flatten().find_map(|text| text.parse().ok()).ok_or_else(|| {
        SessionFailure::of(SessionFault::Unreachable, format!("{id} has no address yet"))
            .hint("run the same command again in a minute")
    })
}

/// Returns the user's key that belongs to the key pair of an instance; none without one.
pub(crate) fn key_of(instance: &InstanceView, ports: &Ports<'_>) -> Option<UserKey> {
    let name = instance.details.key_name.as_deref()?;
    // Where key pairs may not be read, Instance Connect is left.
    let pairs = ports.provisioning.list_keys(&instance.region).ok()?;
    let pair = pairs.iter().find(|pair| pair.name == name)?;
    let keys = list_user_keys(&ports.home.join(".ssh"), ports.processes);
    find_key(&keys, pair).cloned()
}

/// Returns the file that ssh needs for a key. For a key of an agent it is the public half, which
/// is written into spawn's own folder.
pub(crate) fn identity_file(key: &UserKey, ports: &Ports<'_>) -> Result<PathBuf, SessionFailure> {
    match &key.place {
        KeyPlace::PlainFile(path) | KeyPlace::LockedFile(path) => Ok(path.clone()),
        KeyPlace::Agent => {
            let name: String = key.public.fingerprint().chars().filter(char::is_ascii_alphanumeric).collect();
            let path = ports.ssh_folder().join(format!("{name}.pub"));
            durable::write_atomic(&path, format!("{}\n", key.public.line()).as_bytes(), PRIVATE)
                .map_err(|error| Failure::broken(format!("{} cannot be written: {error}", path.display())))?;
            Ok(path)
        }
    }
}

fn read_identity(path: &std::path::Path) -> Result<UserKey, SessionFailure> {
    key_of_file(path).ok_or_else(|| {
        let text = format!("--identity {}: it is not a private key", path.display());
        SessionFailure::from(Failure::usage(text).hint("--identity ~/.ssh/id_ed25519"))
    })
}

fn no_key(instance: &InstanceView) -> SessionFailure {
    let pair = instance.details.key_name.as_deref();
    let text = match pair {
        Some(pair) => format!("no key of this machine belongs to the key pair \"{pair}\" of {}", instance.id),
        None => format!("{} was launched without a key pair", instance.id),
    };
    SessionFailure::of(SessionFault::KeyRefused, text)
        .hint("name a key with --identity FILE, or go in with --via instance-connect")
}

fn timed_out(id: &str, limit: Duration) -> SessionFailure {
    SessionFailure::of(SessionFault::TimedOut, format!("{id} did not answer within {} s", limit.as_secs()))
        .hint("run the same command again")
}
