//! Makes a lake with a recognizable text in every column of every dataset, and prints the private
//! ones, separated by commas: `canary_lake FOLDER ACCOUNT`.

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program of the attack scripts reads its arguments and prints"
)]

use std::process::ExitCode;

use catalog::testing::{fill_with_canaries, secret_text};
use catalog::{ColumnPrivacy, ColumnType, DATASETS};
use domain::Timestamp;
use lake_writer::LakeStore;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, account] = words.as_slice() else {
        eprintln!("usage: canary_lake FOLDER ACCOUNT");
        return ExitCode::from(2);
    };
    let store = LakeStore::new(folder.into(), env!("CARGO_PKG_VERSION"));
    let at: Timestamp = "2026-11-20T00:00:00Z".parse().expect("an instant");
    if let Err(error) = fill_with_canaries(&store, account, at) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let has_text = |privacy: ColumnPrivacy| {
        !matches!(privacy, ColumnPrivacy::Public | ColumnPrivacy::Account | ColumnPrivacy::Scope)
    };
    let secrets = DATASETS.iter().flat_map(|dataset| {
        let columns = dataset.columns.iter();
        let texts = columns.filter(move |column| {
            has_text(column.privacy) && matches!(column.ty, ColumnType::Text | ColumnType::Texts)
        });
        texts.map(move |column| secret_text(dataset, column))
    });
    println!("{}", secrets.chain([account.clone()]).collect::<Vec<_>>().join(","));
    ExitCode::SUCCESS
}
