//! The one integration binary: the programs as people use them.

mod bad_input;
mod bills;
mod export;
mod history;
mod import;
mod notebook;
mod programs;
mod room;
mod sandbox;
mod search;
mod storage;
mod tidy;
