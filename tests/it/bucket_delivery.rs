//! A launch with `--deliver s3:`, against S3 of moto behind TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tests::{Ran, repository_root, run_command};

use crate::delivery::{Newcomer, digest_of, install_as_daemon};
use crate::first_boot::boot;
use crate::moto::Moto;
use crate::ssh_network::is_inside;

/// moto's S3 behind a certificate of this run.
struct TlsBucket {
    moto: Moto,
    proxy: Child,
    address: String,
    /// The authority of the certificate.
    authority: PathBuf,
}

impl Drop for TlsBucket {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

impl TlsBucket {
    fn start(user: &Newcomer) -> Option<TlsBucket> {
        let moto = Moto::start(&user.world.desk)?;
        let folder = user.world.desk.home().join("tls");
        fs::create_dir_all(&folder).unwrap();
        let script = repository_root().join("spawnd/tests/stubs/tls.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(&folder).arg(moto.port()).stdout(Stdio::piped());
        let mut proxy = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = format!("https://127.0.0.1:{}", port.trim());
        Some(TlsBucket { moto, proxy, address, authority: folder.join("root.pem") })
    }

    /// Runs spawn with this S3.
    fn spawn(&self, user: &Newcomer, words: &[&str]) -> Ran {
        let mut command = user.command(words);
        command.env("AWS_ENDPOINT_URL_S3", &self.address).env("AWS_CA_BUNDLE", &self.authority);
        run_command(&mut command)
    }
}

const LAUNCH: [&str; 8] =
    ["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--deliver", "s3://tools/spawn/"];

#[test]
fn an_instance_gets_spawnd_from_a_signed_address_of_a_bucket() {
    if !is_inside("bucket_delivery::an_instance_gets_spawnd_from_a_signed_address_of_a_bucket") {
        return;
    }
    // The built spawnd is larger than an instance fetches.
    let file = install_as_daemon(Path::new("/usr/bin/true"));
    let user = Newcomer::new("");
    let Some(bucket) = TlsBucket::start(&user) else { return };
    let missing = bucket.spawn(&user, &LAUNCH);
    assert!(missing.code == 1 && missing.err.contains("there is no bucket tools"), "{missing:?}");

    bucket.moto.make_bucket("tools", "eu-central-1");
    let key = format!("spawn/spawnd-x86_64-{}", digest_of(&file));
    let planned = bucket.spawn(&user, &[&LAUNCH[..], &["--dry-run"]].concat());
    assert_eq!(planned.code, 0, "{planned:?}");
    let expected = format!("plan: put spawnd into s3://tools/{key}, unless it is there");
    assert!(planned.err.contains(&expected), "{planned:?}");
    assert!(planned.err.contains("the instance can get spawnd from S3 for 12h"), "{planned:?}");
    assert!(bucket.moto.get(&format!("tools/{key}")).is_none(), "a dry run writes nothing");

    let launched = bucket.spawn(&user, &LAUNCH);
    assert_eq!(launched.code, 0, "{launched:?}");
    assert_eq!(bucket.moto.get(&format!("tools/{key}")), Some(fs::read(&file).unwrap()));
    let id = user.instance();
    boot(&user.world, &id);
    let calls = fs::read_to_string("/run/systemctl.calls").unwrap();
    assert!(calls.contains("--no-block start spawn-fetch.service"), "{calls}");
    // The instance has no credentials: the address alone is enough.
    let fetch = Command::new("sh")
        .arg("/usr/local/lib/spawn/fetch.sh")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("CURL_CA_BUNDLE", &bucket.authority)
        .output()
        .unwrap();
    assert!(fetch.status.success(), "{}", String::from_utf8_lossy(&fetch.stderr));
    assert_eq!(digest_of(Path::new("/usr/local/bin/spawnd")), digest_of(&file));

    // A file of the same name stays, and one that cannot be spawnd ends the launch.
    bucket.moto.put(&format!("tools/{key}"), b"another file");
    let refused = bucket.spawn(&user, &[&LAUNCH[..], &["--anew"]].concat());
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("has 12 bytes and is not spawnd"), "{refused:?}");
    assert_eq!(bucket.moto.get(&format!("tools/{key}")), Some(b"another file".to_vec()));
    let all = user.world.admin.call("ec2", &[("Action", "DescribeInstances")]).unwrap();
    assert_eq!(all.matches("<instanceId>").count(), 1, "{all}");
}
