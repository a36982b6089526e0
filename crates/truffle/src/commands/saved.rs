use std::collections::BTreeMap;

use catalog::{Field, Page, ValueType};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use console::{Exit, Failure, Printer, Report, suggest_closest};
use domain::Timestamp;

use crate::CommandPorts;
use crate::commands::search::{SearchArgs, check_search, run_search};
use crate::user_files::{SavedSearch, UserFile, check_name};

/// Save a search under a name.
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// Print the search without saving it
    #[arg(long)]
    pub dry_run: bool,
    /// Name of letters, digits, - and _
    pub name: String,
    /// Words and flags, as after truffle search
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "SEARCH")]
    pub search: Vec<String>,
}

/// List the saved searches, run one, or remove one.
#[derive(Debug, Args)]
pub struct SavedArgs {
    /// Saved search to run [default: list the saved searches]
    pub name: Option<String>,
    /// More words and flags for this run
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SEARCH", requires = "name")]
    pub more: Vec<String>,
    /// Remove a saved search
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "more"])]
    pub remove: Option<String>,
    /// Print the change without making it
    #[arg(long, requires = "remove")]
    pub dry_run: bool,
}

/// Parser for the arguments of a saved search.
#[derive(Parser)]
#[command(name = "truffle search", disable_help_flag = true)]
struct SavedSearchParser {
    #[command(flatten)]
    args: SearchArgs,
}

fn read_search(arguments: &[String]) -> Result<SearchArgs, Failure> {
    let typed = std::iter::once("truffle search".to_string()).chain(arguments.iter().cloned());
    let matches = SavedSearchParser::command().try_get_matches_from(typed);
    let search =
        matches.and_then(|matches| SavedSearchParser::from_arg_matches(&matches)).map_err(|error| {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
            Failure::usage(first).hint("truffle search --help lists the flags")
        })?;
    Ok(search.args)
}

/// Runs `truffle save`.
pub fn run_save(args: &SaveArgs, ports: &CommandPorts<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    check_name(&args.name)?;
    check_search(&read_search(&args.search)?, ports)?;
    let line = shell_line(&args.search);
    if args.dry_run {
        printer
            .note(&format!("would save {}: truffle search {line} (dry run: nothing was changed)", args.name));
        return Ok(Exit::Done);
    }
    let search = SavedSearch { arguments: args.search.clone() };
    let mut replaced = None;
    let all = UserFile::searches(&ports.settings.config).change(|all| {
        replaced = all.insert(args.name.clone(), search.clone());
        Ok(())
    })?;
    if all.get(&args.name) != Some(&search) {
        return Err(Failure::broken(format!("{} was not saved: the file has another search", args.name)));
    }
    if let Some(before) = replaced.filter(|before| *before != search) {
        printer.note(&format!("replaced: truffle search {}", shell_line(&before.arguments)));
    }
    printer.note(&format!("saved; truffle saved {} runs it", args.name));
    Ok(Exit::Done)
}

/// Runs `truffle saved`.
pub fn run_saved(
    args: &SavedArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let shelf = UserFile::searches(&ports.settings.config);
    let all: BTreeMap<String, SavedSearch> = shelf.read()?;
    if let Some(name) = &args.remove {
        find(&all, name)?;
        if args.dry_run {
            printer.note(&format!("would remove {name} (dry run: nothing was changed)"));
        } else {
            remove(&shelf, name, printer)?;
        }
        return Ok(Exit::Done);
    }
    if let Some(name) = &args.name {
        let arguments: Vec<String> = find(&all, name)?.arguments.iter().chain(&args.more).cloned().collect();
        return run_search(&read_search(&arguments)?, ports, printer, now);
    }
    if all.is_empty() {
        printer.note("no saved searches yet; truffle save cheap-gpus gpu cheapest adds one");
    }
    printer.report(&Report::plain(page(&all)), ports.encode)?;
    Ok(Exit::Done)
}

fn remove(shelf: &UserFile, name: &str, printer: &mut Printer) -> Result<(), Failure> {
    let mut line = String::new();
    let left: BTreeMap<String, SavedSearch> = shelf.change(|all| {
        // Checked again under the lock: another process may have removed it since.
        line = shell_line(&find(all, name)?.arguments);
        all.remove(name);
        Ok(())
    })?;
    if left.contains_key(name) {
        return Err(Failure::broken(format!("{name} was not removed: it is still in the file")));
    }
    printer.note(&format!("removed {name} (truffle search {line}); {} left", left.len()));
    Ok(())
}

fn find<'a>(all: &'a BTreeMap<String, SavedSearch>, name: &str) -> Result<&'a SavedSearch, Failure> {
    all.get(name).ok_or_else(|| {
        let near = suggest_closest(name, all.keys().map(String::as_str));
        Failure::usage(format!("there is no saved search \"{name}\"{near}")).hint("truffle saved lists them")
    })
}

fn page(all: &BTreeMap<String, SavedSearch>) -> Page {
    let fields = ["name", "search"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row = |(name, search): (&String, &SavedSearch)| {
        vec![name.as_str().into(), shell_line(&search.arguments).into()]
    };
    Page { fields, rows: all.iter().map(row).collect() }
}

/// Quotes the arguments as one line of shell input.
fn shell_line(arguments: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
    let quoted = |text: &String| {
        let safe = !text.is_empty() && text.chars().all(plain);
        if safe { text.clone() } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_arguments_for_the_shell() {
        let check = |arguments: &[&str], line: &str| {
            let arguments: Vec<String> = arguments.iter().map(|a| a.to_string()).collect();
            assert_eq!(shell_line(&arguments), line);
        };
        check(&["gpu", "--max-price=2"], "gpu --max-price=2");
        check(&["c[67]g.*", "it's"], "'c[67]g.*' 'it'\\''s'");
        check(&[""], "''");
    }
}
