//! The choices, the plan and the price of a launch.

use fleet::image::ImageFacts;

use super::*;

/// The standard input of every test.
pub(super) const TRUFFLE_ROWS: &str =
    r#"[{"instance_type": "t3.small", "region": "us-east-1"}, {"instance_type": "t3.micro"}]"#;

#[test]
fn a_plan_lists_what_is_created_and_its_price_with_its_age() {
    let cloud = memory();
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &[&LAUNCH[..], &["--dry-run"]].concat());
    for expected in [
        "plan: create instance t3.micro, on demand",
        "plan: create root volume of 8 GiB, gp3, encrypted, deleted with the instance",
        "plan: create network interface, deleted with the instance",
        "plan: create security group spawn-ssh",
        "EC2 checked the request without the resources that do not exist yet",
        "price: 0.0104 USD per hour (3 days old), 0.08 USD in 8h, without disks and traffic",
        "nothing was launched; EC2 would accept the request, as far as it has capacity",
    ] {
        assert!(told.err.contains(expected), "{expected}: {}", told.err);
    }
    assert!(told.good().contains(",on-demand,0.0104,0.08,USD,"));
    let words = ["launch", "t3.nano", "--ttl", "8h", "--dry-run"];
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &words);
    let expected = "the price is unknown: there is no on-demand price of t3.nano in us-east-1";
    assert!(told.err.contains(expected), "{}", told.err);
    told.good();
}

#[test]
fn the_price_is_that_of_the_images_platform() {
    let check = |platform: &str, expected: &str| {
        let cloud = memory();
        cloud.add_image(ImageFacts {
            id: "ami-own".into(),
            platform: platform.into(),
            architecture: "x86_64".into(),
            root_gib: 10,
            ..ImageFacts::default()
        });
        let words = [&LAUNCH[..], &["--image", "ami-own", "--dry-run"]].concat();
        let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &words);
        assert!(told.err.contains(expected), "{platform}: {}", told.err);
        told.good();
    };
    check("Linux/UNIX", "price: 0.0104 USD per hour");
    let unknown = "the price is unknown:";
    check(
        "Red Hat Enterprise Linux",
        &format!("{unknown} there is no on-demand price of t3.micro in us-east-1"),
    );
    check("Ubuntu Pro", &format!("{unknown} the lake has no prices of Ubuntu Pro"));
}

#[test]
fn a_dry_run_that_ec2_would_refuse_fails_with_the_hint_of_its_code() {
    let cloud = memory();
    let words = [&LAUNCH[..], &["--dry-run"]].concat();
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[LaunchFault::Refused]), &words);
    assert_eq!(told.failed(), "there is no capacity");
    let hint = told.ended.unwrap_err().hint.unwrap();
    assert!(hint.contains("truffle zones t3.micro --region us-east-1"), "{hint}");
}

#[test]
fn the_choices_reach_the_request_and_are_read_back() {
    let cloud = memory();
    let words = [
        "launch",
        "t3.micro",
        "--until",
        "18:00",
        "--zone",
        "us-east-1b",
        "--subnet",
        "subnet-memory1",
        "--spot",
        "--stoppable",
        "--max-price",
        "0.02",
        "--tag",
        "cost=42",
        "--project",
        "speech",
        "--team",
        "nlp",
    ];
    SpawnHome::new().spawn(&faulty(&cloud, &[]), &words).good();
    let seen = cloud.all().remove(0);
    assert_eq!(seen.tag(tag::EXPIRY), Some("v1;running;until=2026-11-23T18:00:00Z;gen=1"));
    assert_eq!(seen.tag("cost"), Some("42"));
    assert_eq!((seen.tag("project"), seen.tag("team")), (Some("speech"), Some("nlp")));
    assert_eq!(seen.details.zone.as_deref(), Some("us-east-1b"));
    assert_eq!(seen.details.subnet.as_deref(), Some("subnet-memory1"));
    assert_eq!(seen.details.groups.len(), 1, "spawn's own group");
    assert_eq!(seen.spot.unwrap().persistent, Known::Is(true));
}

#[test]
fn contradictory_choices_are_refused_before_anything_is_created() {
    let cloud = memory();
    cloud.add_image(ImageFacts {
        id: "ami-windows".into(),
        platform: "Windows".into(),
        architecture: "x86_64".into(),
        root_gib: 30,
        ..ImageFacts::default()
    });
    let check = |more: &[&str], expected: &str| {
        let words = [&["launch", "t3.micro", "--ttl", "8h"], more].concat();
        let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &words);
        assert!(told.failed().contains(expected), "{more:?}: {}", told.failed());
        assert_eq!(told.ended.unwrap_err().kind, console::FailureKind::Usage, "{more:?}");
        assert!(cloud.all().is_empty());
    };
    check(&["--tag", "aws:x=1"], "begins with aws:");
    check(&["--tag", "spawn:expiry=1"], "begins with spawn:");
    check(&["--tag", "cost"], "is not written as NAME=VALUE");
    let many: Vec<String> = (0..50).map(|number| format!("k{number}=1")).collect();
    let many: Vec<&str> = many.iter().flat_map(|tag| ["--tag", tag.as_str()]).collect();
    check(&many, "and AWS allows 50");
    check(&["--tag", &format!("k={}", "v".repeat(257))], "257");
    check(&["--spot", "--on-expiry", "stop"], "AWS stops only persistent spot requests");
    check(&["--spot", "--stoppable", "--on-expiry", "terminate"], "EC2 would launch another spot instance");
    check(&["--stoppable"], "--stoppable needs --spot");
    check(&["--on-expiry", "hibernate"], "needs --hibernation");
    check(&["--on-idle", "stop"], "--on-idle needs --idle-timeout");
    check(&["--disk", "4"], "--disk 4: expected 8 to 65536 GiB");
    check(&["--image", "ami-windows"], "is a Windows image, and spawn launches Linux alone");
    check(&["--max-price", "0.01"], "the price is 0.0104 USD per hour, above --max-price 0.01");
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["launch", "t3.micro", "--until", "teatime"]);
    assert!(told.failed().contains("\"teatime\" is not a clock time"), "{}", told.failed());
    let words = ["launch", "t3.micro", "--until", "2026-11-23T11:00:00Z"];
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &words);
    assert!(told.failed().contains("is over, or less than a minute ahead"), "{}", told.failed());
    let words = ["launch", "t3.nano", "--ttl", "8h", "--max-price", "1"];
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &words);
    assert!(told.failed().contains("--max-price 1 cannot be checked: there is no"), "{}", told.failed());
    let mac = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["launch", "mac2.metal", "--ttl", "8h"]);
    assert!(
        mac.failed().contains("mac2.metal is x86_64_mac, and spawn launches 64-bit Linux alone"),
        "{}",
        mac.failed()
    );
}

#[test]
fn a_row_of_truffle_names_type_and_region() {
    let cloud = memory();
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["launch", "-", "--ttl", "8h"]);
    assert!(told.err.contains("the first of 2 rows is used: t3.small in us-east-1"), "{}", told.err);
    assert!(told.good().contains("i-memory0000,running,t3.small,us-east-1,"));
}

#[test]
fn a_saved_plan_is_launched_as_it_is_or_its_differences_are_named() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let file = desk.0.path().join("plan.json");
    let file = file.to_str().unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &[&LAUNCH[..], &["--plan", file]].concat());
    assert!(told.err.contains(&format!("spawn launch --yes --plan {file} launches it")), "{}", told.err);
    assert!(cloud.all().is_empty());
    let carry_out = ["launch", "--yes", "--plan", file];
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("0.0104", "0.0096").replace("of 8 GiB", "of 9 GiB")).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &carry_out);
    assert_eq!(told.failed(), "nothing was launched: the plan differs from a plan of now");
    let excerpt = told.ended.unwrap_err().excerpt.join("; ");
    assert!(excerpt.contains("only in the plan: create root volume of 9 GiB"), "{excerpt}");
    assert!(excerpt.contains("the price per hour is 0.0104 USD, planned was 0.0096 USD"), "{excerpt}");
    assert!(cloud.all().is_empty());
    std::fs::write(file, &text).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &[&carry_out[..], &["--spot"]].concat());
    assert!(told.failed().contains("cannot be combined with choices"), "{}", told.failed());
    let told = desk.spawn(&faulty(&cloud, &[]), &carry_out).good();
    assert!(told.contains("i-memory0000,running,t3.micro,us-east-1,"), "{told}");
    assert_eq!(cloud.all()[0].tag("Name"), Some("try"));
    std::fs::write(file, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &carry_out);
    assert!(told.failed().contains("its version is 2"), "{}", told.failed());
}

#[test]
fn a_launch_under_way_in_another_program_is_left_to_it() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let folder = desk.0.path().join("launches");
    std::fs::create_dir_all(&folder).unwrap();
    let id = "fedcba98765432100123456789abcdef";
    std::fs::write(folder.join(format!("{id}.json")), OLD_RECORD.replace("ID", id)).unwrap();
    let lock = durable::FileLock::try_exclusive(&folder.join(format!("{id}.lock"))).unwrap();
    desk.spawn(&faulty(&cloud, &[]), &LAUNCH).good();
    let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]);
    assert!(told.err.contains("is under way in another program: skipped"), "{}", told.err);
    assert_eq!(cloud.all().len(), 1);
    drop(lock);
    let told = desk.spawn(&faulty(&cloud, &[]), &LAUNCH);
    assert!(told.failed().starts_with(&format!("launch {id} of ")), "{}", told.failed());
    desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]).good();
    assert_eq!(cloud.all().len(), 2);
    let left = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let locks: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".lock")).collect();
    assert!(locks.is_empty(), "a settled launch leaves no lock: {locks:?}");
}

#[test]
fn a_record_of_a_later_version_is_not_guessed_at() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let folder = desk.0.path().join("launches");
    std::fs::create_dir_all(&folder).unwrap();
    let text = OLD_RECORD.replace("ID", "x").replacen('{', "{\n  \"version\": 3,", 1);
    std::fs::write(folder.join("x.json"), text).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]);
    assert!(told.failed().contains("its version is 3, and this program knows"), "{}", told.failed());
}

#[test]
fn a_record_has_a_version_places_and_a_count_and_another_count_is_refused() {
    let cloud = memory();
    let desk = SpawnHome::new();
    desk.spawn(&faulty(&cloud, &[]), &LAUNCH).good();
    let file = desk.0.path().join("launches/0123456789abcdef.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for expected in ["\"version\": 2", "\"count\": 1", "\"places\": [", "\"deliver\": \"none\""] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    std::fs::write(&file, text.replace("\"count\": 1", "\"count\": 2")).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]);
    assert!(told.failed().contains("it has 1 places and the count 2"), "{}", told.failed());
}
