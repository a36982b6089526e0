//! ssh sessions with instances: keys, host keys, users, ways in.
//!
//! * [`identity`] finds the user's key by the public material of the instance's key pair.
//! * [`host_pin`] pins the host key under the instance's id, in a file of spawn's own, before
//!   anything is sent. Every connection checks it strictly.
//! * [`arguments`] makes ssh's argument list, a pure function.
//! * [`session`] runs programs: with the user's key, else with a throwaway key and EC2 Instance
//!   Connect. [`session_manager`] is the way in without ssh.
//! * [`config_file`] is the configuration for ssh, scp, rsync and editors.
//!
//! Names, addresses, keys and console texts are foreign text. They are parsed, or refused.

mod arguments;
mod client;
mod config_file;
mod config_hosts;
mod host_key;
mod host_pin;
mod identity;
mod key_fingerprint;
mod known_hosts;
mod login_user;
mod private_key;
mod public_key;
mod session;
mod session_args;
mod session_failure;
mod session_manager;
#[cfg(test)]
mod tests;
mod throwaway;

pub(crate) use arguments::{jump_command, quote_words, read_forward};
pub(crate) use config_file::ConfigHost;
pub(crate) use config_hosts::{
    HostMaker, config_files, connect_key, forget_host, forget_host_keys, is_own, update_host,
};
pub(crate) use host_key::console_host_keys;
pub(crate) use known_hosts::is_instance_id;
pub(crate) use login_user::login_user;
pub(crate) use private_key::read_private_key;
pub(crate) use public_key::PublicKey;
pub(crate) use session::{
    Session, SessionOptions, SessionRoute, TerminalRequest, address_of, pin_host, send_key,
};
pub use session_args::{SessionArgs, SessionVia};
pub(crate) use session_args::{configured_options, ssh_settings};
pub(crate) use session_failure::{SessionFailure, SessionFault};
pub(crate) use session_manager::{check_session_manager, shell_command, tunnel_command};
