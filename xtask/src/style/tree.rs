//! The text files of a repository, in the working tree or at a commit.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A text file of a source tree.
#[derive(Debug, Clone)]
pub struct TreeFile {
    /// The path relative to the repository, with `/`.
    pub path: String,
    /// The content.
    pub text: String,
}

/// The Rust, SQL and Markdown files of a repository.
#[derive(Debug, Clone, Default)]
pub struct SourceTree {
    files: Vec<TreeFile>,
}

impl SourceTree {
    /// Makes a tree of paths and texts.
    pub fn from_texts(files: &[(&str, &str)]) -> SourceTree {
        let file = |(path, text): &(&str, &str)| TreeFile { path: path.to_string(), text: text.to_string() };
        SourceTree { files: files.iter().map(file).collect() }
    }

    /// Reads the files below a folder, without hidden and build folders.
    ///
    /// # Errors
    /// A folder or a file that cannot be read, with its path.
    pub fn read(root: &Path) -> Result<SourceTree, String> {
        let mut tree = SourceTree::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let relative = format!("{prefix}{name}");
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    self.read_folder(&path, &format!("{relative}/"))?;
                }
            } else if is_measured(&relative) {
                let text =
                    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                self.files.push(TreeFile { path: relative, text });
            }
        }
        Ok(())
    }

    /// Reads the files of a commit with git.
    ///
    /// # Errors
    /// git is missing, or does not know the commit.
    pub fn at_commit(root: &Path, revision: &str) -> Result<SourceTree, String> {
        let listed = git(root, &["ls-tree", "-r", "--name-only", revision])?;
        let mut tree = SourceTree::default();
        for path in listed.lines().filter(|path| is_measured(path)) {
            let text = git(root, &["show", &format!("{revision}:{path}")])?;
            tree.files.push(TreeFile { path: path.to_string(), text });
        }
        Ok(tree)
    }

    /// Returns the files, sorted by path.
    pub fn files(&self) -> &[TreeFile] {
        &self.files
    }
}

fn is_measured(path: &str) -> bool {
    [".rs", ".sql", ".md"].iter().any(|ending| path.ends_with(ending))
}

/// Returns the standard output of git.
pub(crate) fn git(root: &Path, words: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(root).args(words).output();
    let output = output.map_err(|error| format!("cannot start git: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_string();
        return Err(format!("git {} failed: {reason}", words.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
