//! The kernel's restrictions alone: a restricted process tries actions that a statement must never
//! perform, without the statement check and without DuckDB's settings.

#![allow(clippy::disallowed_macros, reason = "a child process of the test prints its results")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use duckdb::Connection;

use super::restrictions;

const FOLDER: &str = "MYCELIUM_TEST_PRISONER";
const SECRET: &str = "the secret of this test";

/// A folder that is removed with its owner.
struct TestFolder(PathBuf);

impl Drop for TestFolder {
    fn drop(&mut self) {
        // A cleanup failure must not hide the failure of the test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_restricted_process_can_only_read_its_files() {
    let folder = TestFolder(std::env::temp_dir().join(format!("mycelium-room-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let (open, secret) = (folder.0.join("open"), folder.0.join("secret"));
    fs::write(&open, "open to all").unwrap();
    fs::write(&secret, SECRET).unwrap();

    let prisoner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "isolation::restrictions_tests::restricted",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, &folder.0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&prisoner.stdout);
    assert!(prisoner.status.success(), "{said}{}", String::from_utf8_lossy(&prisoner.stderr));
    let said: BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once(" => ")).collect();
    if said.get("landlock") != Some(&"yes") {
        println!("skipped: this kernel has no Landlock");
        return;
    }

    let check = |deed: &str, can: bool| {
        let found = said.get(deed).unwrap_or_else(|| panic!("{deed} was not tried: {said:?}"));
        assert_eq!(*found == "done", can, "{deed}: {found}");
        assert!(!found.contains(SECRET), "{deed}: {found}");
    };
    check("read an open file", true);
    check("start a thread", true);
    check("run SQL", true);
    for deed in [
        "read a file",
        "list a folder",
        "make a file",
        "write an open file",
        "append to an open file",
        "remove an open file",
        "rename an open file",
        "link an open file",
        "make a folder",
        "change an open file's mode",
        "open a UDP socket",
        "open a TCP socket",
        "make a pair of sockets",
        "start a program",
        "signal the parent",
        "take much memory",
        "read a file by SQL",
        "list a folder by SQL",
        "write an open file by SQL",
        "write a file by SQL",
        "attach a new database by SQL",
    ] {
        check(deed, false);
    }
    assert_eq!(fs::read_to_string(&open).unwrap(), "open to all");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "a file was created");
}

/// Runs in the process that the test above starts. It does nothing on its own.
#[test]
#[ignore = "the other test starts it in a process of its own"]
fn restricted() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (open, secret) = (folder.join("open"), folder.join("secret"));
    let parent = rustix::process::getppid().unwrap();
    let locked = restrictions::restrict_process(std::slice::from_ref(&open), 256, 60).unwrap();
    println!("\nlandlock => {}", if locked.files { "yes" } else { "no" });
    assert!(locked.weaker.is_empty() == locked.files, "{:?}", locked.weaker);

    report_action("read an open file", fs::read(&open));
    report_action("read a file", fs::read_to_string(&secret));
    report_action("list a folder", fs::read_dir(&folder));
    report_action("make a file", fs::write(folder.join("new"), "x"));
    report_action("write an open file", fs::write(&open, "x"));
    report_action("append to an open file", fs::OpenOptions::new().append(true).open(&open));
    report_action("remove an open file", fs::remove_file(&open));
    report_action("rename an open file", fs::rename(&open, folder.join("new")));
    report_action("link an open file", fs::hard_link(&open, folder.join("new")));
    report_action("make a folder", fs::create_dir(folder.join("new")));
    report_action(
        "change an open file's mode",
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)),
    );
    report_action("open a UDP socket", std::net::UdpSocket::bind("127.0.0.1:0"));
    report_action("open a TCP socket", std::net::TcpListener::bind("127.0.0.1:0"));
    report_action("make a pair of sockets", std::os::unix::net::UnixStream::pair());
    report_action("start a program", Command::new("/bin/true").status());
    report_action("signal the parent", rustix::process::test_kill_process(parent));
    report_action(
        "start a thread",
        std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap()),
    );
    report_action("take much memory", Vec::<u8>::new().try_reserve_exact(64 << 30));

    let connection = Connection::open_in_memory().unwrap();
    let sql = |text: String| connection.execute_batch(&text);
    let path = |path: &Path| path.display().to_string();
    report_action("run SQL", sql("SELECT sum(i) FROM range(1000000) t(i)".into()));
    report_action("read a file by SQL", sql(format!("FROM read_text('{}')", path(&secret))));
    let listed =
        connection.query_row(&format!("SELECT count(*) FROM glob('{}/*')", path(&folder)), [], |row| {
            row.get::<_, i64>(0)
        });
    report_action(
        "list a folder by SQL",
        listed.map_err(|e| e.to_string()).and_then(|n| (n > 0).then_some(()).ok_or("none".into())),
    );
    report_action(
        "write an open file by SQL",
        sql(format!("COPY (SELECT 1) TO '{}' (FORMAT csv, USE_TMP_FILE false)", path(&open))),
    );
    report_action("write a file by SQL", sql(format!("COPY (SELECT 1) TO '{}/new.csv'", path(&folder))));
    report_action("attach a new database by SQL", sql(format!("ATTACH '{}/new.duckdb' AS x", path(&folder))));
}

fn report_action<T, E: std::fmt::Display>(deed: &str, tried: Result<T, E>) {
    match tried {
        Ok(_) => println!("{deed} => done"),
        Err(error) => println!("{deed} => {}", error.to_string().replace('\n', " ")),
    }
}
