//! The glibc version that an executable needs. A test of spawnd includes this file too.

/// Returns the highest version among the `GLIBC_…` strings of the file.
pub(crate) fn highest_glibc(file: &[u8]) -> Option<(u32, u32)> {
    let text = String::from_utf8_lossy(file);
    let versions = text.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut numbers = rest[..end].split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}
