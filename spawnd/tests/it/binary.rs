//! What the file itself needs of the machine that it runs on.

#[path = "../../../xtask/src/glibc.rs"]
mod glibc;

use glibc::highest_glibc;

#[test]
fn it_runs_where_glibc_is_five_years_old() {
    let file = std::fs::read(env!("CARGO_BIN_EXE_spawnd")).expect("the binary");
    let highest = highest_glibc(&file).expect("it is linked with glibc, because NVML is loaded at run time");
    assert!(highest <= (2, 34), "it needs glibc {highest:?}");
}
