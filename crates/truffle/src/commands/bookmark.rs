use std::collections::BTreeMap;

use catalog::{Field, Page, Type};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

use crate::Ports;
use crate::place;
use crate::shelf::{Bookmark, Shelf};

/// Keep instance types to come back to, list them, or let them go.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").args(["types", "remove"]).multiple(true))]
pub struct BookmarkArgs {
    /// Instance types to keep; without any, the bookmarks are listed
    pub types: Vec<String>,
    /// Why they are kept
    #[arg(long, value_name = "TEXT", requires = "types")]
    pub note: Option<String>,
    /// Let these go
    #[arg(long, value_name = "TYPE", value_delimiter = ',', conflicts_with_all = ["types", "note"])]
    pub remove: Vec<String>,
    /// Say what would be changed, and change nothing
    #[arg(long, requires = "change")]
    pub dry_run: bool,
}

/// Runs `truffle bookmark`.
pub fn run_bookmark(
    args: &BookmarkArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let shelf = Shelf::bookmarks(&ports.settings.config);
    let mut kept: Bookmarks = shelf.read()?;
    if !args.remove.is_empty() {
        check_kept(&args.remove, &kept)?;
        if args.dry_run {
            printer.note(&format!("would remove {} (dry run: nothing was changed)", args.remove.join(", ")));
        } else {
            kept = remove(&args.remove, &shelf)?;
            printer.note(&format!("removed {}; {} left", args.remove.join(", "), kept.len()));
        }
    } else if !args.types.is_empty() {
        let facts = place::facts(ports)?;
        args.types.iter().try_for_each(|name| place::fact(name, &facts).map(|_| ()))?;
        if args.dry_run {
            printer.note(&format!("would keep {} (dry run: nothing was changed)", args.types.join(", ")));
        } else {
            kept = keep(args, &shelf, now)?;
            let (types, first) = (args.types.join(", "), &args.types[0]);
            printer.note(&format!("kept {types}; truffle show {first} tells more"));
        }
    }
    if kept.is_empty() {
        printer.note("no bookmarks yet; truffle bookmark m7i.xlarge keeps one");
    }
    printer.report(&Report::plain(page(&kept)), ports.encode)?;
    Ok(Exit::Done)
}

type Bookmarks = BTreeMap<String, Bookmark>;

fn keep(args: &BookmarkArgs, shelf: &Shelf, now: Timestamp) -> Result<Bookmarks, Failure> {
    let bookmark = Bookmark { note: args.note.clone().unwrap_or_default(), added_at: now.to_string() };
    let kept: Bookmarks = shelf.change(|all| {
        all.extend(args.types.iter().map(|name| (name.clone(), bookmark.clone())));
        Ok(())
    })?;
    match args.types.iter().find(|name| kept.get(*name) != Some(&bookmark)) {
        None => Ok(kept),
        Some(name) => Err(Failure::broken(format!("{name} was not kept: the file holds something else"))),
    }
}

fn remove(names: &[String], shelf: &Shelf) -> Result<Bookmarks, Failure> {
    let left: Bookmarks = shelf.change(|all| {
        // Looked for again: another process may have let one go since.
        check_kept(names, all)?;
        all.retain(|name, _| !names.contains(name));
        Ok(())
    })?;
    match names.iter().find(|name| left.contains_key(*name)) {
        None => Ok(left),
        Some(name) => Err(Failure::broken(format!("{name} was not removed: the file still holds it"))),
    }
}

fn page(kept: &Bookmarks) -> Page {
    let fields = ["instance_type", "note", "added_at"].map(|name| Field::new(name, Type::Text)).to_vec();
    let row = |(name, bookmark): (&String, &Bookmark)| {
        vec![name.as_str().into(), bookmark.note.as_str().into(), bookmark.added_at.as_str().into()]
    };
    Page { fields, rows: kept.iter().map(row).collect() }
}

fn check_kept(names: &[String], kept: &Bookmarks) -> Result<(), Failure> {
    match names.iter().find(|name| !kept.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::usage(format!("{name} is not bookmarked")).hint("truffle bookmark lists what is"))
        }
    }
}
