//! The one integration binary: the programs as people use them.

mod search;
mod storage;
mod tidy;
