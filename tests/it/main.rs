//! The one integration binary: the programs as people use them.

mod storage;
mod tidy;
