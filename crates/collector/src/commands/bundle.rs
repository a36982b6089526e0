use std::path::{Path, PathBuf};

use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::{Timestamp, hex};
use ed25519_dalek::Signer;

use crate::Ports;
use crate::bundle::{own_key, page};
use crate::ports::lake_failure;

/// Pack the lake's public data into one signed file, for machines without a network.
///
/// The bundle holds prices, offerings, types, zones, spot history and interruptions, with the time
/// of each observation. Rows of `zone` carry the id of the account that collected them; the bundle
/// holds no other account data. It is signed with your own key, which is created on first use. To
/// import it on the other machine, run collector import bundle FILE --signer KEY.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// File to write
    #[arg(long = "to", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub to: PathBuf,
    /// Overwrite FILE if it exists
    #[arg(long)]
    pub replace: bool,
    /// Show the contents and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_bundle(
    args: &BundleArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let to = args.to.display();
    if args.to.exists() && !args.replace {
        return Err(Failure::usage(format!("--to {to} already exists"))
            .hint("choose another name, or overwrite it with --replace"));
    }
    let folder = args.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() || args.to.is_dir() || args.to.file_name().is_none() {
        return Err(Failure::usage(format!("--to {to} is not a file in an existing folder")));
    }
    let target = folder.join(args.to.file_name().expect("checked above"));
    let key = if args.dry_run { None } else { Some(own_key(&ports.settings.config)?) };
    let seal = |text: &[u8]| {
        let key = key.as_ref().expect("a dry run signs nothing");
        format!("{} {}", hex(key.verifying_key().as_bytes()), hex(key.sign(text).to_bytes()))
    };
    let progress = printer.progress("packing");
    let packed = ports.store.pack(&target, &seal, now, args.dry_run).map_err(lake_failure)?;
    drop(progress);
    let Some(packed) = packed.filter(|packed| packed.files > 0) else {
        printer.note("public data is not collected yet: run collector snapshot");
        return Ok(Exit::NothingMatched);
    };
    printer.report(&Report::plain(page(&packed)), ports.encode)?;
    match key {
        None => printer.note("dry run: nothing was written"),
        Some(key) => printer.note(&format!(
            "signed by {}: import it elsewhere with collector import bundle {to} --signer KEY",
            hex(key.verifying_key().as_bytes())
        )),
    }
    Ok(Exit::Done)
}
