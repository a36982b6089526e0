//! Counts Jupyter kernels. A kernel that computes is work, and an open browser tab is not. Each
//! server leaves a file with its port and token in its owner's home. The file is untrusted input,
//! and requests go to this machine only.

use crate::machine::Machine;
use domain::Known;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::tls::TlsConfig;

const RUNTIME: &str = ".local/share/jupyter/runtime";
/// Time limit of one server. All servers together take at most twice as long.
const LIMIT: Duration = Duration::from_secs(1);
const LARGEST: u64 = 256 * 1024;

/// The content of a server's runtime file.
#[derive(Deserialize)]
pub(crate) struct JupyterServer {
    pid: u32,
    port: u16,
    #[serde(default)]
    base_url: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    secure: bool,
}

#[derive(Deserialize)]
struct JupyterKernel {
    execution_state: String,
}

/// Returns the number of kernels that compute. Absent without a running server, and unseen if a
/// running server gives no count.
pub(crate) fn busy_kernels(machine: &Machine) -> Known<f64> {
    let mut busy = Known::Absent;
    let began = Instant::now();
    for path in server_files(machine) {
        let Ok(bytes) = machine.read_plain(&path) else { continue };
        // An invalid file names no server that could be queried.
        let Some(server) = parse_server(&bytes) else { continue };
        if !machine.path(&format!("/proc/{}", server.pid)).exists() {
            continue;
        }
        if began.elapsed() > LIMIT {
            return Known::Unseen("the Jupyter servers take too long to answer".to_string());
        }
        let more = match query_kernels(&server) {
            Ok(more) => more,
            Err(why) => return Known::Unseen(format!("Jupyter on port {}: {why}", server.port)),
        };
        busy = Known::Is(busy.value().copied().unwrap_or(0.0) + more);
    }
    busy
}

fn server_files(machine: &Machine) -> Vec<String> {
    let homes = std::fs::read_dir(machine.path("/home")).into_iter().flatten().flatten();
    let names = homes.map(|home| format!("/home/{}", home.file_name().to_string_lossy()));
    let mut found = Vec::new();
    for home in names.chain(["/root".to_string()]) {
        let folder = format!("{home}/{RUNTIME}");
        let entries: PathBuf = machine.path(&folder);
        for entry in std::fs::read_dir(entries).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().to_string();
            if name.starts_with("jpserver-") && name.ends_with(".json") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

pub(crate) fn parse_server(bytes: &[u8]) -> Option<JupyterServer> {
    serde_json::from_slice(bytes).ok()
}

/// Queries a server on this machine. The file names a port and never an address, so no other
/// machine is queried.
fn query_kernels(server: &JupyterServer) -> Result<f64, String> {
    let base = server.base_url.trim_matches('/');
    let plain = base.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    if !plain || !server.token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its runtime file is not valid".to_string());
    }
    let scheme = if server.secure { "https" } else { "http" };
    let slash = if base.is_empty() { "" } else { "/" };
    let url = format!("{scheme}://127.0.0.1:{}/{base}{slash}api/kernels", server.port);
    // The certificate is the server's own, and the connection does not leave this machine.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = Agent::config_builder()
        .timeout_global(Some(LIMIT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls)
        .build();
    let request = Agent::from(config).get(url).header("Authorization", format!("token {}", server.token));
    let mut answer = request.call().map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        200 => {}
        status => return Err(format!("status {status}")),
    }
    let text = answer.body_mut().with_config().limit(LARGEST).read_to_string();
    count_busy(&text.map_err(|error| error.to_string())?).ok_or("its response is not valid".to_string())
}

pub(crate) fn count_busy(text: &str) -> Option<f64> {
    let kernels: Vec<JupyterKernel> = serde_json::from_str(text).ok()?;
    Some(kernels.iter().filter(|kernel| kernel.execution_state == "busy").count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockPace;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Starts a server that answers each request with this status and text; returns its port.
    fn serve(status: u16, text: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 2048];
                let read = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let known = request.starts_with("get /lab/api/kernels ")
                    && request.contains("authorization: token t0ken\r\n");
                let status = if known { status } else { 403 };
                let length = text.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
                );
            }
        });
        port
    }

    fn check(servers: &[String], expected: Known<f64>) {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = folder.path().join("home/ann").join(RUNTIME);
        std::fs::create_dir_all(&runtime).expect("a folder");
        std::fs::create_dir_all(folder.path().join("proc/77")).expect("a folder");
        for (index, text) in servers.iter().enumerate() {
            std::fs::write(runtime.join(format!("jpserver-{index}.json")), text).expect("a file");
        }
        std::fs::write(runtime.join("kernel-1.json"), "{}").expect("a file");
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        let found = busy_kernels(&machine);
        match (&found, &expected) {
            (Known::Unseen(why), Known::Unseen(part)) => assert!(why.contains(part), "{why}"),
            _ => assert_eq!(found, expected, "{servers:?}"),
        }
    }

    fn server(pid: u32, port: u16) -> String {
        format!(
            r#"{{"base_url":"/lab/","pid":{pid},"port":{port},"token":"t0ken","hostname":"evil.example"}}"#
        )
    }

    #[test]
    fn counts_the_kernels_that_compute() {
        let busy = r#"[{"id":"a","execution_state":"busy"},{"id":"b","execution_state":"idle"}]"#;
        check(&[], Known::Absent);
        check(&[server(77, serve(200, busy))], Known::Is(1.0));
        check(&[server(77, serve(200, busy)), server(77, serve(200, "[]"))], Known::Is(1.0));
        check(&[server(77, serve(200, "[]"))], Known::Is(0.0));
    }

    #[test]
    fn a_dead_server_is_absent_and_a_failing_one_is_unseen() {
        check(&[server(78, 1)], Known::Absent);
        check(&["not JSON".to_string()], Known::Absent);
        check(&[server(77, 1)], Known::Unseen("Jupyter on port 1".to_string()));
        check(&[server(77, serve(403, ""))], Known::Unseen("status 403".to_string()));
        check(&[server(77, serve(200, "{}"))], Known::Unseen("its response is not valid".to_string()));
        let odd = r#"{"pid":77,"port":1,"base_url":"/@elsewhere","token":""}"#;
        check(&[odd.to_string()], Known::Unseen("its runtime file is not valid".to_string()));
    }

    #[test]
    fn does_not_wait_for_a_pipe_in_place_of_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = folder.path().join("root").join(RUNTIME);
        std::fs::create_dir_all(&runtime).expect("a folder");
        let made = std::process::Command::new("mkfifo").arg(runtime.join("jpserver-1.json")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
        assert_eq!(busy_kernels(&machine), Known::Absent);
    }
}
