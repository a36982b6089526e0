//! The integration tests, in one binary: the programs as users run them.

mod asked;
mod bad_input;
mod bills;
mod bucket;
mod bundle;
mod caller;
mod daemon;
mod disks;
mod export;
mod held;
mod history;
mod import;
mod killing;
mod moto;
mod notebook;
mod programs;
mod room;
mod sandbox;
mod search;
mod snapshot;
mod spawn;
mod storage;
mod tidied;
mod tidy;
