//! The warehouse: DuckDB over the files of a manifest, named questions, and a locked room for
//! strangers' SQL.
//!
//! This room is for answering. It is the only crate that names duckdb, and no type of DuckDB or Arrow
//! appears in a public signature. It will never write to a lake, open a socket, or read a clock for an
//! answer: `$as_of` is a parameter like any other.

mod arrow_page;
mod ask;
mod build;
mod encode;
mod open;
mod redact;
mod room;

pub use ask::Warehouse;
pub use encode::ColumnarEncoder;
pub use open::{Home, Source};
pub use room::{ROOM_ARGUMENT, enter};
