use std::collections::BTreeMap;

use catalog::{Field, Page, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

use crate::CommandPorts;
use crate::region_scope;
use crate::user_files::{Bookmark, UserFile};

/// Bookmark instance types, or list and remove bookmarks.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").args(["types", "remove"]).multiple(true))]
pub struct BookmarkArgs {
    /// Instance types to bookmark [default: list the bookmarks]
    pub types: Vec<String>,
    /// Note to store with the bookmarks
    #[arg(long, value_name = "TEXT", requires = "types")]
    pub note: Option<String>,
    /// Remove the bookmarks of these instance types
    #[arg(long, value_name = "TYPE", value_delimiter = ',', conflicts_with_all = ["types", "note"])]
    pub remove: Vec<String>,
    /// Print the change without making it
    #[arg(long, requires = "change")]
    pub dry_run: bool,
}

/// Runs `truffle bookmark`.
pub fn run_bookmark(
    args: &BookmarkArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let shelf = UserFile::bookmarks(&ports.settings.config);
    let mut kept: BookmarkMap = shelf.read()?;
    if !args.remove.is_empty() {
        let names: Vec<String> = args.remove.iter().map(|name| name.to_lowercase()).collect();
        check_bookmarked(&names, &kept)?;
        if args.dry_run {
            printer.note(&format!("would remove {} (dry run: nothing was changed)", names.join(", ")));
        } else {
            kept = remove(&names, &shelf)?;
            printer.note(&format!("removed {}; {} left", names.join(", "), kept.len()));
        }
    } else if !args.types.is_empty() {
        let facts = region_scope::facts(ports)?;
        let name = |typed: &String| region_scope::fact(typed, &facts).map(|t| t.instance_type.clone());
        let names: Vec<String> = args.types.iter().map(name).collect::<Result<_, _>>()?;
        let types = names.join(", ");
        if args.dry_run {
            printer.note(&format!("would bookmark {types} (dry run: nothing was changed)"));
        } else {
            let note = args.note.clone().unwrap_or_default();
            kept = add_bookmarks(&names, Bookmark { note, added_at: now.to_string() }, &shelf)?;
            let first = &names[0];
            printer.note(&format!("bookmarked {types}; truffle show {first} prints details"));
        }
    }
    if kept.is_empty() {
        printer.note("no bookmarks yet; truffle bookmark m7i.xlarge adds one");
    }
    printer.report(&Report::plain(page(&kept)), ports.encode)?;
    Ok(Exit::Done)
}

type BookmarkMap = BTreeMap<String, Bookmark>;

fn add_bookmarks(names: &[String], bookmark: Bookmark, shelf: &UserFile) -> Result<BookmarkMap, Failure> {
    let kept: BookmarkMap = shelf.change(|all| {
        all.extend(names.iter().map(|name| (name.clone(), bookmark.clone())));
        Ok(())
    })?;
    match names.iter().find(|name| kept.get(*name) != Some(&bookmark)) {
        None => Ok(kept),
        Some(name) => Err(Failure::broken(format!("{name} was not bookmarked: the file has another entry"))),
    }
}

fn remove(names: &[String], shelf: &UserFile) -> Result<BookmarkMap, Failure> {
    let left: BookmarkMap = shelf.change(|all| {
        // Checked again under the lock: another process may have removed a bookmark since.
        check_bookmarked(names, all)?;
        all.retain(|name, _| !names.contains(name));
        Ok(())
    })?;
    match names.iter().find(|name| left.contains_key(*name)) {
        None => Ok(left),
        Some(name) => Err(Failure::broken(format!("{name} was not removed: it is still in the file"))),
    }
}

fn page(kept: &BookmarkMap) -> Page {
    let fields = ["instance_type", "note", "added_at"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row = |(name, bookmark): (&String, &Bookmark)| {
        vec![name.as_str().into(), bookmark.note.as_str().into(), bookmark.added_at.as_str().into()]
    };
    Page { fields, rows: kept.iter().map(row).collect() }
}

fn check_bookmarked(names: &[String], kept: &BookmarkMap) -> Result<(), Failure> {
    match names.iter().find(|name| !kept.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::usage(format!("{name} is not bookmarked")).hint("truffle bookmark lists bookmarks"))
        }
    }
}
