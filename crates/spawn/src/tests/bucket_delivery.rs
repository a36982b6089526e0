//! Launches with `--deliver s3:`, against buckets in memory.

use super::*;
use crate::delivery::{DaemonFile, elf, installed};
use fleet::ports::{BucketObject, DaemonObjects, ProvisionFault};

/// An account, and a folder with executables and spawnd.
struct BucketUser {
    cloud: MemoryFleet,
    provisions: MemoryProvisions,
    home: SpawnHome,
    installed: tempfile::TempDir,
}

impl BucketUser {
    fn new() -> BucketUser {
        let provisions = MemoryProvisions::with_default_vpc("us-east-1");
        BucketUser {
            cloud: memory(),
            provisions,
            home: SpawnHome::new(),
            installed: installed("x86_64", &elf(62)),
        }
    }

    fn executable(&self) -> std::path::PathBuf {
        self.installed.path().join("bin/mycelium")
    }

    fn spawn(&self, words: &[&str]) -> SpawnRun {
        let args = SpawnArgs::try_parse_from([&["spawn"], words].concat()).unwrap();
        self.home.with_ports(&self.cloud, &faulty(&self.cloud, &[]), &self.provisions, |ports, printer| {
            let home = ports.home.clone();
            let ports = Ports { executable: self.executable(), home, ..*ports };
            run(&args, &ports, printer, self.cloud.now())
        })
    }
}

const FROM_BUCKET: [&str; 6] = ["launch", "t3.micro", "--ttl", "8h", "--deliver", "s3://tools/spawn"];

#[test]
fn spawnd_is_put_into_the_bucket_once_under_its_digest() {
    let user = BucketUser::new();
    let planned = user.spawn(&[&FROM_BUCKET[..], &["--dry-run"]].concat());
    let file = DaemonFile::load(&user.executable(), "x86_64").unwrap();
    let key = format!("spawn/spawnd-x86_64-{}", file.sha256);
    let expected = format!("plan: put spawnd into s3://tools/{key}, unless it is there\n");
    assert!(planned.err.contains(&expected), "{}", planned.err);
    assert!(planned.err.contains("the instance can get spawnd from S3 for 12h"), "{}", planned.err);
    planned.good();
    assert_eq!(user.provisions.objects("tools"), []);
    user.spawn(&FROM_BUCKET).good();
    assert_eq!(user.provisions.objects("tools"), [(key.clone(), file.bytes)]);
    // An object that exists stays as it is.
    let user = BucketUser::new();
    let object = BucketObject { bucket: "tools".to_string(), key: key.clone() };
    user.provisions.put_object_once(&object, b"there").unwrap();
    user.spawn(&FROM_BUCKET).good();
    assert_eq!(user.provisions.objects("tools"), [(key, b"there".to_vec())]);
}

#[test]
fn an_address_that_ends_soon_is_refused_before_anything_is_created() {
    let user = BucketUser::new();
    user.provisions.end_credentials(SignedDuration::from_mins(14));
    let refused = user.spawn(&FROM_BUCKET);
    let why = refused.failed();
    assert!(why.contains("lives for 14m, because the credentials end then; expected at least 15m"), "{why}");
    assert!(user.provisions.changes().is_empty() && user.cloud.all().is_empty());
    user.provisions.end_credentials(SignedDuration::from_hours(1));
    let planned = user.spawn(&[&FROM_BUCKET[..], &["--dry-run"]].concat());
    assert!(planned.err.contains("the instance can get spawnd from S3 for 1h"), "{}", planned.err);
}

#[test]
fn a_bucket_that_refuses_the_file_ends_the_launch() {
    let user = BucketUser::new();
    user.provisions.fail("put_object_once", ProvisionFault::Denied("AccessDenied".to_string()));
    let refused = user.spawn(&FROM_BUCKET);
    assert!(refused.failed().contains("AccessDenied"), "{}", refused.failed());
    assert!(user.cloud.all().is_empty());
}
