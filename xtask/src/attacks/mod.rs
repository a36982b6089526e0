//! Runs the attack scripts of a folder against the programs, with inputs made for each of them.
//!
//! The scripts come from outside of the project, so they are not part of the repository. Each has
//! its usage in its head, ends with 1 where an attack broke something, and is run in a home folder
//! of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{TaskError, cargo, root, run, setup, tools};

const INPUTS: &str = include_str!("inputs.py");

/// The account of the lake's rows.
const ACCOUNT: &str = "111122223333";

const USAGE: &str = "expected: cargo xtask attacks SCRIPTS [--programs FOLDER]";

/// Makes the inputs, runs the scripts and prints their numbers of cases. Errors: a script is
/// missing, cannot run, or broke something.
pub(crate) fn attack(words: &[&str]) -> Result<(), TaskError> {
    let (scripts, programs) = match words {
        [scripts] => (scripts, None),
        [scripts, "--programs", programs] => (scripts, Some(PathBuf::from(programs))),
        _ => return Err(USAGE.into()),
    };
    setup::attack_packages()?;
    let scripts = absolute(Path::new(scripts))?;
    let built = build(programs.is_none())?;
    let programs = absolute(programs.as_deref().unwrap_or(&built))?;
    let inputs = AttackInputs::make(&programs, &built)?;
    let mut sum = 0;
    let mut broken = Vec::new();
    for (script, arguments) in inputs.arguments(&programs) {
        let started = Instant::now();
        let ran = inputs.python().arg(scripts.join(script)).args(&arguments).output();
        let ran = ran.map_err(|error| format!("{script}: {error}"))?;
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        let cases = count_cases(&printed);
        sum += cases;
        let seconds = started.elapsed().as_secs();
        let verdict = if ran.status.success() { "nothing broke" } else { "BROKE" };
        println!("{script:<18} {cases:>4} cases  {seconds:>4} s  {verdict}");
        if !ran.status.success() {
            let wrong = printed.lines().filter(|line| !line.starts_with("ok"));
            wrong.for_each(|line| println!("    {line}"));
            print!("{}", String::from_utf8_lossy(&ran.stderr));
            broken.push(script);
        }
    }
    println!("{sum} cases");
    match broken.is_empty() {
        true => Ok(()),
        false => Err(format!("attacks of {} broke something", broken.join(", "))),
    }
}

/// Builds the program that makes the lake, and the programs if `all` is set. Returns the folder of
/// the executables.
fn build(all: bool) -> Result<PathBuf, TaskError> {
    if all {
        run(cargo().args(["build", "--quiet", "--workspace"]).current_dir(root()))?;
    }
    let example = ["build", "--quiet", "-p", "lake_writer", "--example", "canary_lake"];
    run(cargo().args(example).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("debug"))
}

fn absolute(path: &Path) -> Result<PathBuf, TaskError> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

/// The files that the scripts need, in a folder that is removed with them.
struct AttackInputs {
    folder: PathBuf,
    /// The private words of the lake, separated by commas.
    words: String,
}

impl Drop for AttackInputs {
    fn drop(&mut self) {
        // A folder that cannot be removed is left in the folder of temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl AttackInputs {
    fn make(programs: &Path, built: &Path) -> Result<AttackInputs, TaskError> {
        let folder = std::env::temp_dir().join(format!("mycelium-attacks-{}", std::process::id()));
        let mut inputs = AttackInputs { folder, words: String::new() };
        for name in ["bad", "home"] {
            let path = inputs.folder.join(name);
            fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        run(inputs.python().args(["-c", INPUTS]).arg(inputs.folder.join("bad")))?;
        let mut lake = Command::new(built.join("examples/canary_lake"));
        let printed = lake.arg(inputs.lake()).arg(ACCOUNT).stderr(Stdio::inherit()).output();
        let printed = printed.map_err(|error| format!("canary_lake: {error}"))?;
        let words = String::from_utf8_lossy(&printed.stdout).trim().to_string();
        if !printed.status.success() || words.is_empty() {
            return Err("the lake with private words was not made".into());
        }
        let (tried, left_out) = split_words(&words, &inputs.columns(programs)?);
        inputs.words = tried;
        match left_out.as_str() {
            "" => {}
            _ if absolute(built)? == programs => {
                return Err(format!("no table has the column of {left_out}"));
            }
            _ => println!("not tried, because these programs lack the column: {left_out}"),
        }
        let mut bundle = inputs.command(programs.join("collector"));
        run(bundle.args(["bundle", "--quiet", "--to"]).arg(inputs.bundle()).stdout(Stdio::null()))?;
        Ok(inputs)
    }

    /// Returns the columns of all tables of these programs, one a line of CSV.
    fn columns(&self, programs: &Path) -> Result<String, TaskError> {
        let mut truffle = self.command(programs.join("truffle"));
        let question = ["query", "FROM information_schema.columns", "--limit", "0", "-o", "csv", "-q"];
        let printed = truffle.args(question).stderr(Stdio::inherit()).output();
        let printed = printed.map_err(|error| format!("truffle: {error}"))?;
        match printed.status.success() {
            true => Ok(String::from_utf8_lossy(&printed.stdout).into_owned()),
            false => Err("the columns of the tables cannot be listed".into()),
        }
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn lake(&self) -> PathBuf {
        self.home().join(".local/share/mycelium")
    }

    fn bundle(&self) -> PathBuf {
        self.folder.join("public.bundle")
    }

    /// Returns each script with its arguments, as its head describes them.
    fn arguments(&self, programs: &Path) -> Vec<(&'static str, Vec<PathBuf>)> {
        let [truffle, collector] = ["truffle", "collector"].map(|name| programs.join(name));
        let key = self.home().join(".config/mycelium/bundle.key");
        vec![
            ("bad_files.py", vec![collector.clone(), self.folder.join("bad")]),
            ("bundles.py", vec![collector.clone(), self.bundle(), key]),
            ("parquet_flips.py", vec![collector.clone()]),
            ("passing_names.py", vec![truffle.clone(), collector.clone()]),
            ("redact.py", vec![truffle.clone(), collector.clone(), self.words.clone().into()]),
            ("room.py", vec![truffle.clone()]),
            ("tamper.py", vec![truffle, collector, self.lake()]),
        ]
    }

    fn python(&self) -> Command {
        self.command(tools().join("attacks/bin/python"))
    }

    /// Returns a command in the home folder of the lake, without the developer's settings.
    fn command(&self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.home());
        command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

/// Splits private words, `secret-TABLE-COLUMN` with or without more, into those of the listed
/// columns and the others. Any other word, such as the account, is among the first.
fn split_words(words: &str, columns: &str) -> (String, String) {
    let prefix = |line: &str| {
        let mut cells = line.split(',').skip(2);
        Some(format!("secret-{}-{}", cells.next()?, cells.next()?))
    };
    let known: Vec<String> = columns.lines().filter_map(prefix).collect();
    let is_of = |word: &str, column: &String| {
        word.strip_prefix(column.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let is_known =
        |word: &str| !word.starts_with("secret-") || known.iter().any(|column| is_of(word, column));
    let (tried, left_out): (Vec<&str>, Vec<&str>) = words.split(',').partition(|word| is_known(word));
    (tried.join(","), left_out.join(","))
}

/// Returns the number of cases in a script's output: its lines that begin with a verdict, else the
/// first number of its last line.
fn count_cases(printed: &str) -> usize {
    let verdicts = printed.lines().filter(|line| line.starts_with("ok ") || line.starts_with("BAD "));
    let last = printed.lines().last().unwrap_or_default();
    let stated = last.split(' ').next().and_then(|word| word.parse().ok());
    match stated {
        Some(stated) if last.contains(", ") => stated,
        _ => verdicts.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::{count_cases, split_words};

    #[test]
    fn words_of_columns_that_the_programs_lack_are_left_out() {
        let columns = "table_catalog,table_schema,table_name,column_name,type\n\
                       0,main,charge,tag,VARCHAR\n0,main,charge,tags,VARCHAR\n0,main,run,id,VARCHAR\n";
        let words = "secret-charge-tags,secret-charge-ta,secret-run-id-zone,secret-run-ids,111122223333";
        let (tried, left_out) = split_words(words, columns);
        assert_eq!(tried, "secret-charge-tags,secret-run-id-zone,111122223333");
        assert_eq!(left_out, "secret-charge-ta,secret-run-ids");
    }

    #[test]
    fn counts_the_cases_of_each_script() {
        let check = |printed: &str, expected: usize| assert_eq!(count_cases(printed), expected, "{printed}");
        check("ok  a\nBAD b\n2 files, 1 bad\n", 2);
        check("ok  as it was made: rc=0\nBAD no signer: rc=0\n1 bad\n", 2);
        check("ok  export left the victim alone\nok  bundle left the victim alone\n", 2);
        check("LEAK zone (table) name: x\n40 tables, 1 leaks\n", 40);
        check("236 statements, 0 surprises\n", 236);
        check("", 0);
    }
}
