//! Counts Jupyter kernels. A kernel is work if it computes, or was active since the previous look,
//! such as for a cell of two seconds. An open browser tab is not. Each server leaves a file with
//! its port and token in its owner's home. The file is untrusted input, and requests go to this
//! machine only.

use crate::homes::{homes, names};
use crate::machine::Machine;
use domain::Known;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
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

/// One kernel in a server's answer.
#[derive(Deserialize)]
pub(crate) struct JupyterKernel {
    #[serde(default)]
    id: String,
    execution_state: String,
    #[serde(default)]
    last_activity: String,
}

/// Why a server gives no kernels.
enum QueryError {
    /// No Jupyter server is at this port.
    NoServer(String),
    Failed(String),
}

/// Whether a process can be the server of a file. A server that was killed leaves its file, and its
/// process id goes to another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JupyterOwner {
    /// It is another program, or there is none.
    Other,
    /// It runs Python, as Jupyter does.
    Possible,
    /// It is named after Jupyter, or its name cannot be read.
    Likely,
}

/// The last activity of each kernel as of the previous look, by the server's port.
#[derive(Default)]
pub(crate) struct JupyterProbe {
    seen: BTreeMap<u16, BTreeMap<String, String>>,
}

impl JupyterProbe {
    /// Returns the number of kernels that compute or were active since the previous look. Absent
    /// without a running server, and unseen if a running server gives no answer.
    pub(crate) fn poll(&mut self, machine: &Machine) -> Known<f64> {
        let mut busy = Known::Absent;
        let began = Instant::now();
        let files = match server_files(machine) {
            Ok(files) => files,
            Err(why) => return Known::Unseen(why),
        };
        for path in files {
            let Ok(bytes) = machine.read_plain(&path) else { continue };
            // An invalid file names no server that could be queried.
            let Some(server) = parse_server(&bytes) else { continue };
            let process = process(machine, server.pid);
            if process == JupyterOwner::Other {
                continue;
            }
            if began.elapsed() > LIMIT {
                return Known::Unseen("the Jupyter servers take too long to answer".to_string());
            }
            match query_kernels(&server) {
                Ok(kernels) => {
                    let more = self.count_active(server.port, &kernels);
                    busy = Known::Is(busy.value().copied().unwrap_or(0.0) + more);
                }
                Err(QueryError::NoServer(_)) if process == JupyterOwner::Possible => {}
                Err(QueryError::NoServer(why) | QueryError::Failed(why)) => {
                    return Known::Unseen(format!("Jupyter on port {}: {why}", server.port));
                }
            }
        }
        busy
    }

    /// Counts the kernels that compute, whose last activity has changed, or that are new. The times
    /// are compared with each other and never with a clock.
    fn count_active(&mut self, port: u16, kernels: &[JupyterKernel]) -> f64 {
        let now = kernels.iter().map(|kernel| (kernel.id.clone(), kernel.last_activity.clone())).collect();
        let before = self.seen.insert(port, now);
        let active = |kernel: &&JupyterKernel| {
            let moved =
                |before: &BTreeMap<String, String>| before.get(&kernel.id) != Some(&kernel.last_activity);
            kernel.execution_state == "busy" || before.as_ref().is_some_and(moved)
        };
        kernels.iter().filter(active).count() as f64
    }
}

/// Returns the files of Jupyter's servers: of Jupyter Server (`jpserver-*.json`), and of Notebook 6
/// and older (`nbserver-*.json`).
fn server_files(machine: &Machine) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for home in homes(machine)? {
        let folder = format!("{home}/{RUNTIME}");
        let servers = names(&machine.path(&folder))?.into_iter().filter(|name| {
            (name.starts_with("jpserver-") || name.starts_with("nbserver-")) && name.ends_with(".json")
        });
        found.extend(servers.map(|name| format!("{folder}/{name}")));
    }
    Ok(found)
}

fn process(machine: &Machine, pid: u32) -> JupyterOwner {
    let folder = machine.path(&format!("/proc/{pid}"));
    if !folder.exists() {
        return JupyterOwner::Other;
    }
    let text = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default().to_ascii_lowercase();
    let command = text("cmdline");
    let name = if command.is_empty() { text("comm") } else { command };
    let name = String::from_utf8_lossy(&name);
    match name.trim_matches(['\0', '\n']) {
        "" => JupyterOwner::Likely,
        name if name.contains("jupyter") || name.contains("notebook") => JupyterOwner::Likely,
        name if name.contains("python") => JupyterOwner::Possible,
        _ => JupyterOwner::Other,
    }
}

pub(crate) fn parse_server(bytes: &[u8]) -> Option<JupyterServer> {
    serde_json::from_slice(bytes).ok()
}

/// Queries a server on this machine. The file names a port and never an address, so no other
/// machine is queried.
fn query_kernels(server: &JupyterServer) -> Result<Vec<JupyterKernel>, QueryError> {
    let base = server.base_url.trim_matches('/');
    let plain = base.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    if !plain || !server.token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(QueryError::Failed("its runtime file is not valid".to_string()));
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
    let mut answer = request.call().map_err(|error| match error {
        ureq::Error::Io(refused) if refused.kind() == ErrorKind::ConnectionRefused => {
            QueryError::NoServer(refused.to_string())
        }
        error => QueryError::Failed(error.to_string()),
    })?;
    match answer.status().as_u16() {
        200 => {}
        404 => return Err(QueryError::NoServer("status 404".to_string())),
        status => return Err(QueryError::Failed(format!("status {status}"))),
    }
    let text = answer.body_mut().with_config().limit(LARGEST).read_to_string();
    let text = text.map_err(|error| QueryError::Failed(error.to_string()))?;
    parse_kernels(&text).ok_or(QueryError::Failed("its response is not valid".to_string()))
}

pub(crate) fn parse_kernels(text: &str) -> Option<Vec<JupyterKernel>> {
    serde_json::from_str(text).ok()
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
        let found = JupyterProbe::default().poll(&machine);
        match (&found, &expected) {
            (Known::Unseen(why), Known::Unseen(part)) => assert!(why.contains(part), "{why}"),
            _ => assert_eq!(found, expected, "{servers:?}"),
        }
    }

    #[test]
    fn a_kernel_active_between_two_looks_counts() {
        let mut probe = JupyterProbe::default();
        let kernel = |id: &str, state: &str, at: &str| JupyterKernel {
            id: id.to_string(),
            execution_state: state.to_string(),
            last_activity: at.to_string(),
        };
        let mut check = |port: u16, kernels: &[JupyterKernel], expected: f64| {
            assert_eq!(probe.count_active(port, kernels), expected);
        };
        // Before the first look of a server nothing is known.
        check(1, &[kernel("a", "idle", "10:00"), kernel("b", "busy", "10:00")], 1.0);
        check(1, &[kernel("a", "idle", "10:00"), kernel("b", "idle", "10:00")], 0.0);
        check(1, &[kernel("a", "idle", "10:01"), kernel("b", "idle", "10:00")], 1.0);
        check(2, &[kernel("a", "idle", "10:05")], 0.0);
        check(1, &[kernel("a", "idle", "10:01"), kernel("c", "idle", "10:02")], 1.0);
        check(1, &[kernel("a", "busy", "10:01")], 1.0);
        check(1, &[], 0.0);
        check(1, &[kernel("a", "idle", "10:01")], 1.0);
    }

    #[test]
    fn a_notebook_of_version_6_counts_and_the_file_of_another_program_does_not() {
        let busy = r#"[{"id":"a","execution_state":"busy","last_activity":"x"}]"#;
        let check = |file: &str, process: Option<(&str, &str)>, port: u16, expected: Known<f64>| {
            let folder = tempfile::tempdir().expect("a folder");
            let runtime = folder.path().join("root").join(RUNTIME);
            std::fs::create_dir_all(&runtime).expect("a folder");
            std::fs::write(runtime.join(file), server(55, port)).expect("a file");
            if let Some((name, text)) = process {
                std::fs::create_dir_all(folder.path().join("proc/55")).expect("a folder");
                std::fs::write(folder.path().join("proc/55").join(name), text).expect("a file");
            }
            let machine = Machine::new(folder.path().to_path_buf(), ClockPace::REAL);
            let found = JupyterProbe::default().poll(&machine);
            let same =
                matches!((&found, &expected), (Known::Unseen(_), Known::Unseen(_))) || found == expected;
            assert!(same, "{file} {process:?}: {found:?}");
        };
        let unseen = || Known::Unseen(String::new());
        let notebook = Some(("cmdline", "/usr/bin/python3\0-m\0notebook\0"));
        let other_python = Some(("cmdline", "/usr/bin/python3\0train.py\0"));
        let port = serve(200, busy);
        for file in ["nbserver-55.json", "jpserver-55.json"] {
            check(file, notebook, port, Known::Is(1.0));
            check(file, Some(("comm", "jupyter-lab\n")), port, Known::Is(1.0));
            check(file, other_python, port, Known::Is(1.0));
            check(file, Some(("cmdline", "nginx: worker process\0")), port, Known::Absent);
            check(file, Some(("comm", "postgres\n")), 1, Known::Absent);
            check(file, other_python, 1, Known::Absent);
            check(file, other_python, serve(404, ""), Known::Absent);
            check(file, other_python, serve(403, ""), unseen());
            check(file, notebook, 1, unseen());
            check(file, None, port, Known::Absent);
        }
        check("kernel-55.json", notebook, port, Known::Absent);
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
        assert_eq!(JupyterProbe::default().poll(&machine), Known::Absent);
    }
}
