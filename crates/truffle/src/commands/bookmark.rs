use std::collections::BTreeMap;

use catalog::{Field, Page, Row, Type, TypeFacts};
use clap::Args;
use console::{Exit, Failure, Printer, Report, nearest};
use domain::Timestamp;

use crate::Ports;
use crate::shelf::{Bookmark, Shelf};

/// Keep instance types to come back to, list them, or let them go.
#[derive(Debug, Args)]
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
    #[arg(long)]
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
    let mut kept: BTreeMap<String, Bookmark> = shelf.read()?;
    if !args.remove.is_empty() {
        check_kept(&args.remove, &kept)?;
        if args.dry_run {
            printer.note(&format!("would remove {} (dry run: nothing was changed)", args.remove.join(", ")));
        } else {
            kept = shelf
                .change(|all: &mut BTreeMap<String, Bookmark>| all.retain(|t, _| !args.remove.contains(t)))?;
            printer.note(&format!("removed {}; {} left", args.remove.join(", "), kept.len()));
        }
    } else if !args.types.is_empty() {
        check_types(&args.types, ports)?;
        if args.dry_run {
            printer.note(&format!("would keep {} (dry run: nothing was changed)", args.types.join(", ")));
        } else {
            let note = args.note.clone().unwrap_or_default();
            kept = shelf.change(|all| {
                for name in &args.types {
                    let bookmark = Bookmark { note: note.clone(), added_at: now.to_string() };
                    all.insert(name.clone(), bookmark);
                }
            })?;
            printer.note(&format!(
                "kept {}; truffle show {} tells more",
                args.types.join(", "),
                args.types[0]
            ));
        }
    }
    if kept.is_empty() {
        printer.note("no bookmarks yet; truffle bookmark m7i.xlarge keeps one");
    }
    printer.report(&Report::plain(page(&kept)), ports.encode)?;
    Ok(Exit::Done)
}

fn page(kept: &BTreeMap<String, Bookmark>) -> Page {
    let fields = ["instance_type", "note", "added_at"].map(|name| Field::new(name, Type::Text)).to_vec();
    let row = |(name, bookmark): (&String, &Bookmark)| {
        vec![name.as_str().into(), bookmark.note.as_str().into(), bookmark.added_at.as_str().into()]
    };
    Page { fields, rows: kept.iter().map(row).collect() }
}

fn check_kept(names: &[String], kept: &BTreeMap<String, Bookmark>) -> Result<(), Failure> {
    match names.iter().find(|name| !kept.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::usage(format!("{name} is not bookmarked")).hint("truffle bookmark lists what is"))
        }
    }
}

/// A bookmark of a type that nobody has heard of is a slip of the keyboard.
fn check_types(names: &[String], ports: &Ports<'_>) -> Result<(), Failure> {
    let page = ports.answer("instance/facts", &[])?;
    let facts = TypeFacts::read_all(&page).map_err(|e| Failure::broken(e.to_string()))?;
    let known: Vec<&str> = facts.iter().map(|facts| facts.instance_type.as_str()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let near = nearest(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            Err(Failure::usage(format!("there is no instance type \"{name}\"{near}"))
                .hint("truffle search lists the types there are"))
        }
    }
}
