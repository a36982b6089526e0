//! Reads logins from the old accounting file, `/run/utmp`. Its records have a fixed size, which
//! differs between architectures. Newer systems no longer keep the file.

use std::collections::BTreeSet;

/// The positions of a record's fields. They are independent of the machine that builds: a file has
/// the layout of the machine that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UtmpLayout {
    record: usize,
    /// Position of the login's second, which has 32 bits on x86-64 and 64 on aarch64.
    second: usize,
    second_bytes: usize,
}

/// glibc on x86-64, where times have the width of 32-bit programs.
pub(crate) const X86_64: UtmpLayout = UtmpLayout { record: 384, second: 340, second_bytes: 4 };
/// glibc on aarch64, where session and time are 64 bits wide.
pub(crate) const AARCH64: UtmpLayout = UtmpLayout { record: 400, second: 344, second_bytes: 8 };

/// The layout of this machine's file.
pub(crate) const HERE: UtmpLayout = if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 };

/// `ut_type` of a logged-in user.
const USER_PROCESS: i16 = 7;

/// Returns all logins, each as terminal, process and second of the login. Truncated records and
/// records of other types are skipped.
pub(crate) fn logins(bytes: &[u8], layout: UtmpLayout) -> BTreeSet<String> {
    bytes.chunks_exact(layout.record).filter_map(|record| login(record, layout)).collect()
}

fn login(record: &[u8], layout: UtmpLayout) -> Option<String> {
    let kind = i16::from_le_bytes(record.get(..2)?.try_into().ok()?);
    if kind != USER_PROCESS {
        return None;
    }
    let pid = i32::from_le_bytes(record.get(4..8)?.try_into().ok()?);
    let line = record.get(8..40)?;
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut second = [0; 8];
    let written = record.get(layout.second..layout.second + layout.second_bytes)?;
    second.get_mut(..layout.second_bytes)?.copy_from_slice(written);
    Some(format!("{} {pid} {}", String::from_utf8_lossy(line), u64::from_le_bytes(second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(layout: UtmpLayout, kind: i16, line: &str, pid: i32, second: u32) -> Vec<u8> {
        let mut bytes = vec![0; layout.record];
        bytes[..2].copy_from_slice(&kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&pid.to_le_bytes());
        bytes[8..8 + line.len()].copy_from_slice(line.as_bytes());
        bytes[layout.second..layout.second + 4].copy_from_slice(&second.to_le_bytes());
        bytes
    }

    #[test]
    fn reads_logins_in_both_layouts() {
        for layout in [X86_64, AARCH64] {
            let check = |records: &[Vec<u8>], expected: &[&str]| {
                let found = logins(&records.concat(), layout);
                assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{layout:?}");
            };
            let ann = record(layout, 7, "pts/0", 41, 1_800_000_000);
            let gone = record(layout, 8, "pts/1", 42, 1_800_000_001);
            let boot = record(layout, 2, "~", 0, 1_800_000_002);
            check(&[], &[]);
            check(&[boot, ann.clone(), gone], &["pts/0 41 1800000000"]);
            check(&[ann.clone(), ann[..100].to_vec()], &["pts/0 41 1800000000"]);
            check(&[vec![0xff; layout.record * 2]], &[]);
        }
    }

    #[test]
    fn reads_a_file_that_glibc_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, file) = (folder.path().join("login"), folder.path().join("utmp"));
        std::fs::write(&file, "").expect("a file");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/login.c");
        let built = std::process::Command::new("cc").arg(source).arg("-o").arg(&program).status();
        if !built.is_ok_and(|status| status.success()) {
            println!("skipped: there is no C compiler");
            return;
        }
        let ran = std::process::Command::new(&program).arg(&file).status().expect("it runs");
        assert!(ran.success());
        let found = logins(&std::fs::read(&file).expect("bytes"), HERE);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["pts/7 4711 1800000000"]);
    }
}
