//! moto, another project's emulator of AWS, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use tests::{Desk, Ran, repository_root, run_command};

/// moto's server. It exists where `cargo xtask setup --tests` could install it.
pub(crate) struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the header of a caller; moto checks no signature.
fn authorization(service: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=testing/20261123/us-east-1/{service}/aws4_request")
}

impl Moto {
    pub(crate) fn start(desk: &Desk) -> Option<Moto> {
        let python = repository_root().join(".tools/rival/bin/python");
        if !python.exists() {
            eprintln!("skipped: .tools/rival is missing; cargo xtask setup --tests makes it");
            return None;
        }
        let mut command = Command::new(python);
        command.args(["-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        command.env_clear().env("HOME", desk.home()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            line.split_once("http://")
                .map(|(_, rest)| rest.split_whitespace().next().unwrap_or("").to_string())
        });
        // Its log of requests must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Moto { child, address: address.expect("moto prints its address") })
    }

    /// Returns the port on loopback.
    pub(crate) fn port(&self) -> &str {
        self.address.rsplit_once(':').expect("an address with a port").1
    }

    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        let keys = [("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")];
        command.envs(keys).env("AWS_DEFAULT_REGION", "us-east-1");
        run_command(command.env("AWS_ENDPOINT_URL", format!("http://{}", self.address)))
    }

    pub(crate) fn collector(&self, desk: &Desk, words: &[&str]) -> Ran {
        self.run(&mut desk.command("collector", words))
    }

    /// Sends a request to EC2: `Action=…` and its parameters.
    pub(crate) fn ec2(&self, form: &str) {
        let asked = ureq::post(format!("http://{}/", self.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", authorization("ec2"))
            .send(format!("{form}&Version=2016-11-15"));
        asked.unwrap_or_else(|e| panic!("{form}: {e}"));
    }

    /// Sets the answer to the next request for costs.
    pub(crate) fn set_next_costs(&self, answer: &str) {
        let body = format!(r#"{{"results": [{answer}]}}"#);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST /moto-api/static/ce/cost-and-usage-results HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 201"), "{said}");
    }

    /// Makes a bucket in a region.
    pub(crate) fn make_bucket(&self, name: &str, region: &str) {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.put(name, if region == "us-east-1" { b"" } else { body.as_bytes() });
    }

    /// Returns an object's bytes: `bucket/key`.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        let request = ureq::get(format!("http://{}/{path}", self.address));
        let mut found = request.header("authorization", authorization("s3")).call().ok()?;
        Some(found.body_mut().read_to_vec().unwrap())
    }

    /// Puts an object: `bucket/key`.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let request = ureq::put(format!("http://{}/{path}", self.address));
        let done = request.header("authorization", authorization("s3")).send(bytes);
        done.unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}
