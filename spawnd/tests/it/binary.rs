//! What the file itself needs of the machine that it runs on.

/// The highest glibc that the file asks for: the versions are named in its dynamic strings.
fn highest_glibc(file: &[u8]) -> Option<(u32, u32)> {
    let text = String::from_utf8_lossy(file);
    let versions = text.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut numbers = rest[..end].split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}

#[test]
fn it_runs_where_glibc_is_five_years_old() {
    let file = std::fs::read(env!("CARGO_BIN_EXE_spawnd")).expect("the binary");
    let highest = highest_glibc(&file).expect("it is linked with glibc, because NVML is loaded at run time");
    assert!(highest <= (2, 34), "it needs glibc {highest:?}");
}
