//! Tests of the real binary, on a machine in a folder, with a fake AWS on the loopback.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests use files, wait and print")]

mod binary;
mod commands;
mod fake;
mod faults;
mod images;
mod loads;
mod masked_units;
mod namespaces;
mod replay;
mod ssh;
mod systemd;
