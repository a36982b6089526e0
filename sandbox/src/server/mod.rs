//! The server: sockets on loopback, one thread, and the one world behind them.

mod answer;
mod cbor;
mod control;
mod faults;
mod front;
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

use crate::clock::{Clock, RealTime};
use crate::engine::World;
use crate::facts::Facts;
use crate::journal::Journal;
use crate::scenario::Scenario;
use faults::Faults;

/// How a sandbox is to be.
pub struct Options {
    /// What it knows of AWS.
    pub facts: Arc<Facts>,
    /// What is scripted.
    pub scenario: Scenario,
    /// Ids, zone names and made-up prices follow from it.
    pub seed: u64,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Where its state is kept; in memory without it.
    pub state: Option<PathBuf>,
    /// The clock stands still at this instant until it is moved.
    pub frozen: Option<Timestamp>,
    /// Real time.
    pub real_time: RealTime,
}

impl Options {
    /// In memory, on a free port, with the small table of facts.
    pub fn new(real_time: RealTime) -> Options {
        Options {
            facts: Arc::new(Facts::small()),
            scenario: Scenario::default(),
            seed: 0,
            port: 0,
            state: None,
            frozen: None,
            real_time,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or there is no loopback.
    #[error("127.0.0.1:{port} cannot be listened on: {why}")]
    Port {
        /// The port.
        port: u16,
        /// The system's words.
        why: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error("{folder} cannot be used: {why}")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's words, or what is wrong in it.
        why: std::io::Error,
    },
    /// The system gave no thread.
    #[error("the sandbox cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// A sandbox that runs, and ends when this is dropped.
pub struct Running {
    /// The address of all services, such as `http://127.0.0.1:4580`.
    pub url: String,
    /// The access key id of the first user.
    pub access_key: String,
    /// Its secret.
    pub secret: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Waits until the sandbox ends by itself, which it does at SIGINT or SIGTERM.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The sandbox.
pub struct Sandbox;

impl Sandbox {
    /// Starts one, in a thread of its own.
    pub fn start(options: Options) -> Result<Running, StartError> {
        let port = options.port;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|why| StartError::Port { port, why })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Shared::open(options)?;
        let (access_key, secret) = crate::engine::credentials(crate::engine::FIRST_ACCOUNT, "sandbox");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".to_string())
            .spawn(move || serve(listener, shared, stopped))?;
        let url = format!("http://{address}");
        Ok(Running { url, access_key, secret, stop: Some(stop), thread: Some(thread) })
    }
}

/// What all connections share.
struct Shared {
    world: World,
    clock: Clock,
    faults: Faults,
    journal: Option<Journal>,
    /// Ports of instances that have one of their own.
    ports: BTreeMap<String, u16>,
    requests: u64,
}

impl Shared {
    fn open(options: Options) -> Result<Shared, StartError> {
        let mut clock = Clock::new(options.real_time, options.frozen);
        let now = clock.now();
        let (facts, rules) = (options.facts, options.scenario);
        let fresh = || World::new(Arc::clone(&facts), rules.clone(), options.seed, now);
        let (journal, world) = match options.state {
            None => (None, fresh()),
            Some(folder) => {
                let opened = Journal::open(&folder, &facts, &rules, fresh, now);
                let (journal, world, last) = opened.map_err(|why| StartError::State { folder, why })?;
                // A clock that was moved stays moved.
                clock.forward(last.duration_since(now));
                (Some(journal), world)
            }
        };
        let faults = Faults::new(&rules);
        Ok(Shared { world, clock, faults, journal, ports: BTreeMap::new(), requests: 0 })
    }
}

fn serve(listener: std::net::TcpListener, shared: Shared, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return tracing::error!("no runtime") };
    let local = tokio::task::LocalSet::new();
    let shared = Rc::new(RefCell::new(shared));
    local.block_on(&runtime, async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let serving = tokio::task::spawn_local(http::accept(listener, Rc::clone(&shared), None));
        tokio::select! {
            _ = stopped => {}
            _ = ended_by_signal() => {}
        }
        serving.abort();
    });
}

async fn ended_by_signal() {
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

/// Opens a port for one instance's metadata; the same one when it has one.
async fn port_of(shared: &Rc<RefCell<Shared>>, instance: &str) -> std::io::Result<SocketAddr> {
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
