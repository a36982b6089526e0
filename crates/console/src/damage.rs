//! The way back from a damaged lake, as a hint.

use std::path::Path;

use catalog::ports::LakeDamage;

use crate::{Failure, FailureKind};

impl From<LakeDamage> for Failure {
    fn from(damage: LakeDamage) -> Failure {
        let hint = match &damage {
            LakeDamage::List { lake, intact, .. } => restore_lake(lake, *intact),
            LakeDamage::File { lake, .. } => drop_damaged_files(lake),
        };
        Failure::new(FailureKind::Data, damage.to_string()).hint(hint)
    }
}

/// Returns the hint for a lake with damaged files: the command that removes them from it.
pub fn drop_damaged_files(lake: &Path) -> String {
    format!("collector drop --damaged --lake {} takes the damaged files out of the lake", word(lake))
}

/// Returns the hint for a lake with a damaged list of files: the command that restores the state of
/// its `intact` manifest, or that sets it aside without one.
fn restore_lake(lake: &Path, intact: Option<u64>) -> String {
    if let Some(number) = intact {
        let current = word(&lake.join("CURRENT"));
        return format!(
            "rm -rf {current}; echo {number} > {current} restores the state of manifest {number}"
        );
    }
    let aside = lake.with_added_extension("damaged");
    format!("set it aside with mv {} {}, then collect or import again", word(lake), word(&aside))
}

/// Returns a path as one word of a shell command.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.,:=+@%".contains(c);
    if text.chars().all(is_plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_a_command_for_every_path() {
        let check = |path: &str, expected: &str| {
            assert!(restore_lake(Path::new(path), None).contains(expected), "{path}");
        };
        check("/a/lake", "mv /a/lake /a/lake.damaged,");
        check("/a/my lake", "mv '/a/my lake' '/a/my lake.damaged',");
        check("/a/it's", "mv '/a/it'\\''s' '/a/it'\\''s.damaged',");
        assert_eq!(
            restore_lake(Path::new("/a/lake"), Some(7)),
            "rm -rf /a/lake/CURRENT; echo 7 > /a/lake/CURRENT restores the state of manifest 7"
        );
        assert!(drop_damaged_files(Path::new("/a b")).starts_with("collector drop --damaged --lake '/a b' "));
    }
}
