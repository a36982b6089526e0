//! `docs/cli.md`: the reference of all commands, generated from their command lines.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// The environment variable that makes the test rewrite the file instead of comparing it.
const UPDATE: &str = "CLI_UPDATE";

/// The longest line of a paragraph, characters.
const WIDTH: usize = 100;

const HEAD: &str = "# Command line reference

This page is generated from the commands; do not edit it. Rewrite it with
`CLI_UPDATE=1 cargo nextest run -p mycelium reference`. Every command also has `-h` for a short help
and `--help` for the whole text of this page.
";

/// Returns the reference of every program of `mycelium`.
fn render(mycelium: &Command) -> String {
    let mut page = HEAD.to_string();
    let programs: Vec<Command> =
        mycelium.get_subcommands().filter(|program| !program.is_hide_set()).cloned().collect();
    page.push('\n');
    for program in &programs {
        writeln!(page, "- [`{0}`](#{0})", program.get_name()).unwrap();
        for command in shown_subcommands(program) {
            let path = format!("{} {}", program.get_name(), command.get_name());
            writeln!(page, "  - [`{path}`](#{})", path.replace(' ', "-")).unwrap();
        }
    }
    for mut program in programs {
        program.build();
        render_command(&program, program.get_name(), 2, &mut page);
    }
    page
}

/// Appends the section of a command, and the sections of its subcommands.
fn render_command(command: &Command, path: &str, level: usize, page: &mut String) {
    writeln!(page, "\n{} {path}\n", "#".repeat(level)).unwrap();
    append_text(command.get_long_about().or(command.get_about()), page);
    let usage = command.clone().render_usage().to_string();
    writeln!(page, "\n```text\n{}\n```", usage.trim_start_matches("Usage:").trim()).unwrap();
    let subcommands = shown_subcommands(command);
    if !subcommands.is_empty() {
        page.push_str("\nCommands:\n\n");
    }
    for subcommand in &subcommands {
        let about = subcommand.get_about().map(StyledStr::to_string).unwrap_or_default();
        append_wrapped(&format!("`{}`: {}", subcommand.get_name(), one_line(&about)), "- ", "  ", page);
    }
    render_arguments(command, level, page);
    append_appendix(command.get_after_long_help().or(command.get_after_help()), page);
    for subcommand in subcommands {
        render_command(subcommand, &format!("{path} {}", subcommand.get_name()), level + 1, page);
    }
}

/// Returns the subcommands sorted by name. Their order in the command line depends on completions.
fn shown_subcommands(command: &Command) -> Vec<&Command> {
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    let mut shown: Vec<&Command> = command.get_subcommands().filter(shown).collect();
    shown.sort_by_key(|command| command.get_name());
    shown
}

/// Appends the positional arguments, then the options by heading. A global option is listed at its
/// program and not at the subcommands.
fn render_arguments(command: &Command, level: usize, page: &mut String) {
    let is_automatic = |arg: &Arg| matches!(arg.get_id().as_str(), "help" | "version");
    let is_inherited = |arg: &Arg| arg.is_global_set() && level > 2;
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !is_automatic(arg) && !is_inherited(arg))
        .collect();
    let heading = |arg: &Arg| match arg.is_positional() {
        true => "Arguments".to_string(),
        false => arg.get_help_heading().unwrap_or("Options").to_string(),
    };
    let mut headings: Vec<String> = Vec::new();
    for arg in &shown {
        if !headings.contains(&heading(arg)) {
            headings.push(heading(arg));
        }
    }
    headings.sort_by_key(|name| (name != "Arguments", name != "Options"));
    for name in headings {
        writeln!(page, "\n{name}:\n").unwrap();
        shown.iter().filter(|arg| heading(arg) == name).for_each(|arg| append_argument(arg, page));
    }
}

fn append_argument(arg: &Arg, page: &mut String) {
    let help = arg.get_long_help().or(arg.get_help()).map(StyledStr::to_string).unwrap_or_default();
    let mut paragraphs = help.split("\n\n").map(one_line);
    let mut first = format!("`{}`: {}", names(arg), paragraphs.next().unwrap_or_default());
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if arg.get_action().takes_values() && !values.is_empty() && !arg.is_hide_possible_values_set() {
        write!(first, " [values: {}]", values.join(", ")).unwrap();
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        write!(first, " [default: {}]", defaults.join(", ")).unwrap();
    }
    append_wrapped(&first, "- ", "  ", page);
    for paragraph in paragraphs {
        page.push('\n');
        append_wrapped(&paragraph, "  ", "  ", page);
    }
}

/// Returns an argument as it is typed, such as `-o, --output <FORMAT>`.
fn names(arg: &Arg) -> String {
    let value_names = arg.get_value_names().unwrap_or_default();
    let values: Vec<String> = value_names.iter().map(|name| format!("<{name}>")).collect();
    if arg.is_positional() {
        return arg.to_string();
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let typed: Vec<String> = [short, long].into_iter().flatten().collect();
    match arg.get_action().takes_values() {
        true => format!("{} {}", typed.join(", "), values.join(" ")),
        false => typed.join(", "),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Appends the paragraphs of a description.
fn append_text(text: Option<&StyledStr>, page: &mut String) {
    let text = text.map(StyledStr::to_string).unwrap_or_default();
    for (at, paragraph) in text.split("\n\n").enumerate() {
        page.push_str(if at == 0 { "" } else { "\n" });
        append_wrapped(&one_line(paragraph), "", "", page);
    }
}

/// Appends the text after the options as it is, because it may be a table.
fn append_appendix(text: Option<&StyledStr>, page: &mut String) {
    if let Some(text) = text {
        writeln!(page, "\n```text\n{}\n```", text.to_string().trim_end()).unwrap();
    }
}

/// Appends a paragraph in lines of at most [`WIDTH`] characters. `<` is escaped outside code.
fn append_wrapped(text: &str, first: &str, next: &str, page: &mut String) {
    let mut line = first.to_string();
    let mut is_empty = true;
    let mut in_code = false;
    for word in text.split(' ') {
        let escaped =
            if in_code || word.starts_with('`') { word.to_string() } else { word.replace('<', "\\<") };
        in_code ^= word.matches('`').count() % 2 == 1;
        if !is_empty && line.chars().count() + 1 + escaped.chars().count() > WIDTH {
            writeln!(page, "{}", line.trim_end()).unwrap();
            line = next.to_string();
            is_empty = true;
        }
        line.push_str(if is_empty { "" } else { " " });
        line.push_str(&escaped);
        is_empty = false;
    }
    writeln!(page, "{}", line.trim_end()).unwrap();
}

#[test]
fn the_reference_lists_every_command_as_it_is_today() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let found = render(&crate::complete::mycelium_command());
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    let at = differs.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end of file)").to_string();
    assert!(
        expected == found,
        "docs/cli.md is old in line {}: {:?} instead of {:?}; rewrite it with {UPDATE}=1",
        at + 1,
        line(&expected),
        line(&found)
    );
}
