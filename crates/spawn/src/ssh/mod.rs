//! INTERFACE ONLY (branch ssh-interface): the final module replaces this file. Do not edit it.
//!
//! ssh sessions with instances: keys, host keys, users, ways in.
//!
//! `Ports` gains two fields with it: `home: PathBuf` (the user's home folder) and
//! `executable: PathBuf` (the path of the running `mycelium`, with links resolved).
#![allow(dead_code, unused_variables, reason = "the interface alone")]

use std::time::Duration;

use console::Failure;
use fleet::instance::InstanceView;

use crate::{Ports, ProcessOutput};

/// The choices for a session. The default takes everything from the instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionOptions {
    /// The login user (`--user`, else the setting `ssh.user`); none for the user of the image.
    pub(crate) user: Option<String>,
    /// The bastion (the setting `ssh.jump`), as ssh's option ProxyJump reads it.
    pub(crate) jump: Option<String>,
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
    /// A shell of the Session Manager, without ssh. [`Session::run`] cannot use it.
    SessionManager,
}

/// Why a session cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFault {
    /// The instance has no published host key yet. It may appear in the console output some minutes
    /// after the start; after that only `--trust-first` helps.
    HostKeyUnknown,
    /// The server has another host key than the pinned one: nothing was sent.
    HostKeyChanged,
    /// The server cannot be reached: it may still be booting.
    Unreachable,
    /// The server accepts no key that is at hand.
    KeyRefused,
    /// The time limit of the command is over.
    TimedOut,
    /// Anything else, such as a missing ssh program; trying again does not help.
    Other,
}

/// A session that cannot be had, with its message and hint.
#[derive(Debug, Clone)]
pub(crate) struct SessionFailure {
    /// The fault, which decides whether trying again may help.
    pub(crate) fault: SessionFault,
    /// The message and the next command to type.
    pub(crate) failure: Failure,
}

impl From<SessionFailure> for Failure {
    fn from(failed: SessionFailure) -> Failure {
        failed.failure
    }
}

/// A way to run programs on an instance through ssh. Each call opens a connection of its own.
pub(crate) struct Session<'a> {
    ports: &'a Ports<'a>,
    user: String,
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
        todo!()
    }

    /// Returns the login user.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Runs a program with these bytes on its standard input, without a terminal and without any
    /// question. The words are quoted one by one, so none is read by the shell. Any exit code of the
    /// program itself is a success here: look at [`ProcessOutput::code`].
    ///
    /// # Errors
    /// The connection failed (ssh's exit code 255), or `limit` is over.
    pub(crate) fn run(
        &self,
        words: &[&str],
        input: &[u8],
        limit: Duration,
    ) -> Result<ProcessOutput, SessionFailure> {
        todo!()
    }

    /// Gives the terminal to a program of the instance, or to its login shell without words, and
    /// returns its exit code. `forwards` are ssh's -L.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub(crate) fn hand_over(&self, words: &[String], forwards: &[String]) -> Result<i32, SessionFailure> {
        todo!()
    }
}
