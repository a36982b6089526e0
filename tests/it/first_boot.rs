//! The user data of a launch, as Debian's real cloud-init runs it.

use std::fs;
use std::process::Command;

use serde_json::json;
use tests::{repository_root, run_command};

use crate::caller::call_control;
use crate::spawn::World;
use crate::ssh_network::is_inside;

/// Boots cloud-init with the metadata of an instance.
pub(crate) fn boot(world: &World, instance: &str) {
    let url = call_control(&world.admin.url, "imds", &json!({ "instance": instance }));
    let script = repository_root().join("tests/stubs/cloud-init.sh");
    run_command(Command::new("sh").arg(script).arg(url["url"].as_str().unwrap())).expect_success();
}

fn lines(path: &str) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(String::from).collect()
}

/// The user's own part: it replaces the list `bootcmd`, as cloud-init merges such lists.
const OWN_PART: &str = "#cloud-config
bootcmd: [[sh, -c, 'echo own boot >> /run/own']]
runcmd: [[sh, -c, 'echo own run >> /run/own']]
";

#[test]
fn the_first_boot_arms_the_dead_man_beside_the_users_own_part() {
    if !is_inside("first_boot::the_first_boot_arms_the_dead_man_beside_the_users_own_part") {
        return;
    }
    let world = World::new("throttling: false\n", &[]);
    let file = world.desk.home().join("own.yaml");
    fs::write(&file, OWN_PART).unwrap();
    let launch =
        ["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--user-data", file.to_str().unwrap()];
    let id = world.rows(&launch)[0]["instance_id"].as_str().unwrap().to_string();
    boot(&world, &id);
    let terms = fs::read_to_string("/etc/spawn/terms.json").unwrap();
    assert!(terms.contains("\"budget\":\"8h\""), "{terms}");
    let calls = lines("/run/systemctl.calls");
    assert!(calls.iter().any(|call| call == "--no-block restart spawn-dead-man.timer"), "{calls:?}");
    assert_eq!(lines("/run/own"), ["own boot", "own run"]);
    // The next boot of the same instance changes nothing, and runs the part for each boot again.
    boot(&world, &id);
    assert_eq!(lines("/run/systemctl.calls"), calls);
    assert_eq!(lines("/run/own"), ["own boot", "own run", "own boot"]);
}
