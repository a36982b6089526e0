//! The server: sockets on loopback and one thread, which owns the world.

mod answer;
mod cbor;
mod control;
mod dispatch;
mod faults;
mod http;
mod rest;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use domain::Timestamp;
use tokio::sync::oneshot;

use crate::clock::{RealTime, SandboxClock};
use crate::engine::SandboxWorld;
use crate::facts::AwsFacts;
use crate::journal::WorldJournal;
use crate::scenario::Scenario;
use faults::FaultCounters;

/// Settings of a sandbox.
pub struct SandboxOptions {
    /// Facts about AWS.
    pub facts: Arc<AwsFacts>,
    /// Scripted capacity, prices, interruptions and faults.
    pub scenario: Scenario,
    /// Seed for ids, zone names and invented prices.
    pub seed: u64,
    /// Port on 127.0.0.1; 0 selects a free one.
    pub port: u16,
    /// State folder; `None` keeps the state in memory.
    pub state: Option<PathBuf>,
    /// Instant at which the clock is frozen; `None` lets it run.
    pub frozen: Option<Timestamp>,
    /// Reads the machine's time.
    pub real_time: RealTime,
}

impl SandboxOptions {
    /// Returns settings with the state in memory, a free port, and the built-in facts.
    pub fn new(real_time: RealTime) -> SandboxOptions {
        SandboxOptions {
            facts: Arc::new(AwsFacts::small()),
            scenario: Scenario::default(),
            seed: 0,
            port: 0,
            state: None,
            frozen: None,
            real_time,
        }
    }
}

/// The reason why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxStartError {
    /// The port is taken, or loopback is not available.
    #[error("cannot listen on 127.0.0.1:{port}: {why}")]
    Port {
        /// The port.
        port: u16,
        /// The system's error.
        why: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error("cannot use the state folder {folder}: {why}")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's error, or the fault in the folder.
        why: std::io::Error,
    },
    /// The system refused a socket option or a thread.
    #[error("the sandbox cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// A running sandbox. Dropping it stops the sandbox.
pub struct RunningSandbox {
    /// The address of all services, such as `http://127.0.0.1:4580`.
    pub url: String,
    /// The access key id of the first user.
    pub access_key: String,
    /// The secret of that access key.
    pub secret: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSandbox {
    /// Waits until SIGINT or SIGTERM stops the sandbox.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts sandboxes.
pub struct Sandbox;

impl Sandbox {
    /// Starts a sandbox in a separate thread. Errors: the port, the state folder or the thread.
    pub fn start(options: SandboxOptions) -> Result<RunningSandbox, SandboxStartError> {
        let port = options.port;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|why| SandboxStartError::Port { port, why })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = SandboxServerState::open(options)?;
        let (access_key, secret) = crate::engine::credentials(crate::engine::FIRST_ACCOUNT, "sandbox");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".to_string())
            .spawn(move || serve(listener, shared, stopped))?;
        let url = format!("http://{address}");
        Ok(RunningSandbox { url, access_key, secret, stop: Some(stop), thread: Some(thread) })
    }
}

/// State that all connections share.
struct SandboxServerState {
    world: SandboxWorld,
    clock: SandboxClock,
    faults: FaultCounters,
    journal: Option<WorldJournal>,
    /// Metadata ports by instance id.
    ports: BTreeMap<String, u16>,
    requests: u64,
}

impl SandboxServerState {
    fn open(options: SandboxOptions) -> Result<SandboxServerState, SandboxStartError> {
        let mut clock = SandboxClock::new(options.real_time, options.frozen);
        let now = clock.now();
        let (facts, rules) = (options.facts, options.scenario);
        let fresh = || SandboxWorld::new(Arc::clone(&facts), rules.clone(), options.seed, now);
        let (journal, world) = match options.state {
            None => (None, fresh()),
            Some(folder) => {
                let opened = WorldJournal::open(&folder, &facts, &rules, fresh, now);
                let (journal, world, last) =
                    opened.map_err(|why| SandboxStartError::State { folder, why })?;
                // The clock resumes at the last change, if that is ahead of it.
                clock.forward(last.duration_since(now));
                (Some(journal), world)
            }
        };
        let faults = FaultCounters::new(&rules);
        Ok(SandboxServerState { world, clock, faults, journal, ports: BTreeMap::new(), requests: 0 })
    }
}

fn serve(listener: std::net::TcpListener, shared: SandboxServerState, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return tracing::error!("cannot start the async runtime") };
    let local = tokio::task::LocalSet::new();
    let shared = Rc::new(RefCell::new(shared));
    local.block_on(&runtime, async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let serving = tokio::task::spawn_local(http::accept(listener, Rc::clone(&shared), None));
        tokio::select! {
            _ = stopped => {}
            _ = wait_for_signal() => {}
        }
        serving.abort();
    });
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Returns the address of an instance's metadata port, and opens the port if necessary.
async fn metadata_port(
    shared: &Rc<RefCell<SandboxServerState>>,
    instance: &str,
) -> std::io::Result<SocketAddr> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Some(port) = shared.borrow().ports.get(instance) {
        return Ok(SocketAddr::new(local, *port));
    }
    let listener = tokio::net::TcpListener::bind((local, 0)).await?;
    let address = listener.local_addr()?;
    shared.borrow_mut().ports.insert(instance.to_string(), address.port());
    tokio::task::spawn_local(http::accept(listener, Rc::clone(shared), Some(instance.to_string())));
    Ok(address)
}
