//! The server: sockets on loopback and one thread, which owns the world.

mod answer;
mod call_counter;
mod cbor;
mod control;
mod dispatch;
mod faults;
mod http;
mod message;
mod options;
mod rest;
mod state;

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

pub use options::{SandboxOptions, SandboxStartError};

use crate::core::{FIRST_ACCOUNT, credentials};
use state::SandboxServerState;

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
        let (opened, ports) = mpsc::unbounded_channel();
        let shared = SandboxServerState::open(options, opened)?;
        let (access_key, secret) = credentials(FIRST_ACCOUNT, "sandbox");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".to_string())
            .spawn(move || serve(listener, shared, ports, stopped))?;
        let url = format!("http://{address}");
        Ok(RunningSandbox { url, access_key, secret, stop: Some(stop), thread: Some(thread) })
    }
}

fn serve(
    listener: std::net::TcpListener,
    shared: SandboxServerState,
    mut ports: mpsc::UnboundedReceiver<(TcpListener, String)>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return tracing::error!("cannot start the async runtime") };
    let local = tokio::task::LocalSet::new();
    let shared = Rc::new(RefCell::new(shared));
    local.block_on(&runtime, async move {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let serving = tokio::task::spawn_local(http::accept(listener, Rc::clone(&shared), None));
        let serve_ports = async {
            while let Some((listener, instance)) = ports.recv().await {
                tokio::task::spawn_local(http::accept(listener, Rc::clone(&shared), Some(instance)));
            }
        };
        tokio::select! {
            _ = stopped => {}
            _ = wait_for_signal() => {}
            () = serve_ports => {}
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
