//! The requirements of the executable on the machine that runs it.

#[path = "../../../xtask/src/glibc.rs"]
mod glibc;

use std::process::{Command, Stdio};

use glibc::highest_glibc;

#[test]
fn runs_with_a_glibc_that_is_five_years_old() {
    let file = std::fs::read(env!("CARGO_BIN_EXE_spawnd")).expect("the binary");
    let highest = highest_glibc(&file).expect("it is linked with glibc, because NVML is loaded at run time");
    assert!(highest <= (2, 34), "it needs glibc {highest:?}");
}

#[test]
fn a_closed_pipe_ends_without_an_error_and_a_full_device_with_one() {
    let policy = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spawnd"));
        command.args(["policy", "111122223333"]).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut child = policy(Stdio::piped());
    drop(child.stdout.take());
    let closed = child.wait_with_output().unwrap();
    assert!(closed.status.success() && closed.stderr.is_empty(), "{closed:?}");
    let device = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let full = policy(device.into()).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&full.stderr).into_owned();
    assert_eq!(full.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: the output cannot be written: "), "{text}");
}

#[test]
fn a_policy_for_an_invalid_account_is_refused() {
    for account in ["123", "abc", "11112222333x"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spawnd"));
        let output = command.args(["policy", account]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
        assert!(text.contains("is not an account id; expected 12 digits"), "{text}");
    }
}
