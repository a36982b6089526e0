//! The integration tests, in one binary: the programs as users run them.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests use files, wait and print")]

mod bad_input;
mod bills;
mod bucket;
mod bucket_delivery;
mod bundle;
mod caller;
mod compaction;
mod cost_bad_input;
mod costs;
mod daemon;
mod damage;
mod delivery;
mod disks;
mod export;
mod first_boot;
mod foreign_files;
mod history;
mod import;
mod isolation;
mod kills;
mod launch_settings;
mod moto;
mod notebook;
mod notify;
mod plans;
mod prices;
mod privacy;
mod programs;
mod quarantine;
mod real_bill;
mod requested_datasets;
mod sandbox;
mod search;
mod snapshot;
mod spawn;
mod spawn_bad_input;
mod spawn_faults;
mod spawn_views;
mod ssh_access;
mod ssh_network;
mod storage;
mod tidy;
mod tour;
mod whole_life;
