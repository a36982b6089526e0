//! The requirements of the executable on the machine that runs it.

#[path = "../../../xtask/src/glibc.rs"]
mod glibc;

use glibc::highest_glibc;

#[test]
fn runs_with_a_glibc_that_is_five_years_old() {
    let file = std::fs::read(env!("CARGO_BIN_EXE_spawnd")).expect("the binary");
    let highest = highest_glibc(&file).expect("it is linked with glibc, because NVML is loaded at run time");
    assert!(highest <= (2, 34), "it needs glibc {highest:?}");
}
