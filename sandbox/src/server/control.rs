use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use hyper::Response;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::call_counter::CallCounter;
use super::message::{ResponsePieces, WireRequest, response};
use super::state::SandboxServerState;
use crate::core::{ApiError, FIRST_ACCOUNT};
use crate::journal::WorldChange;

/// Answers a request of the control API, which the `sandbox` commands and tests use. Requests with
/// an Origin header or a foreign Host are refused, so that no web page in a browser can use it.
pub(super) async fn answer(
    shared: &Rc<RefCell<SandboxServerState>>,
    heard: &WireRequest,
    path: &str,
) -> Response<ResponsePieces> {
    let now = shared.borrow().clock.now();
    let say = |status: u16, value: Value| {
        response(status, "application/json", now, &[], format!("{value:#}\n").into_bytes())
    };
    let local = heard.header("host").is_some_and(|host| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    });
    if heard.header("origin").is_some() || !local {
        return say(403, json!({ "error": "the control API serves local programs only" }));
    }
    let body: Value = serde_json::from_slice(&heard.body).unwrap_or(Value::Null);
    match (heard.method.as_str(), path) {
        ("GET", "clock") => say(200, clock(&shared.borrow())),
        ("POST", "clock") => match move_clock(&mut shared.borrow_mut(), &body) {
            Ok(value) => say(200, value),
            Err(why) => say(400, json!({ "error": why })),
        },
        ("POST", "interrupt" | "poweroff") => {
            let id = body["instance"].as_str().unwrap_or_default().to_string();
            match make_change(&mut shared.borrow_mut(), path, id) {
                Ok(()) => say(200, json!({ "done": true })),
                Err(error) => say(400, json!({ "error": error.to_string() })),
            }
        }
        ("POST", "imds") => {
            let id = body["instance"].as_str().unwrap_or_default().to_string();
            if shared.borrow().world.find(&id).is_none() {
                return say(400, json!({ "error": format!("the sandbox has no instance {id}") }));
            }
            match metadata_port(shared, &id).await {
                Ok(address) => say(200, json!({ "url": format!("http://{address}") })),
                Err(error) => say(500, json!({ "error": error.to_string() })),
            }
        }
        ("POST", "console") => {
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_string();
            let done = write_console(&mut shared.borrow_mut(), text("instance"), text("text"));
            match done {
                Ok(()) => say(200, json!({ "done": true })),
                Err(error) => say(400, json!({ "error": error.to_string() })),
            }
        }
        ("POST", "host-key") => {
            let id = body["instance"].as_str().unwrap_or_default();
            match shared.borrow().world.private_host_key(id) {
                Some(key) => say(200, json!({ "private_key": key })),
                None => say(400, json!({ "error": format!("the sandbox has no instance {id}") })),
            }
        }
        ("POST", "failures") => match replace_failures(&mut shared.borrow_mut(), &heard.body) {
            Ok(()) => say(200, json!({ "done": true })),
            Err(error) => say(400, json!({ "error": error.to_string() })),
        },
        ("GET", "calls") => say(200, calls(&shared.borrow().calls)),
        ("POST", "calls") => say(200, calls(&std::mem::take(&mut shared.borrow_mut().calls))),
        ("GET", "credentials") => say(200, credentials(&shared.borrow(), &heard.query)),
        _ => say(404, json!({ "error": "the control API has no such path" })),
    }
}

fn clock(shared: &SandboxServerState) -> Value {
    json!({ "now": shared.clock.now(), "real": shared.clock.real(), "frozen": shared.clock.is_frozen() })
}

fn move_clock(shared: &mut SandboxServerState, body: &Value) -> Result<Value, String> {
    let now = shared.clock.now();
    let by = match (body["forward_seconds"].as_i64(), body["until"].as_str()) {
        (Some(seconds), _) if seconds >= 0 => SignedDuration::from_secs(seconds),
        (None, Some(until)) => {
            let until = domain::parse_instant(until).ok_or("\"until\" is not an instant")?;
            until.duration_since(now)
        }
        _ => return Err("\"forward_seconds\" or \"until\" is missing".to_string()),
    };
    if by.is_negative() {
        return Err(format!("the clock is at {now} and moves forward only"));
    }
    let then = now.checked_add(by).map_err(|_| "the new time is out of range")?;
    if let Some(journal) = &mut shared.journal {
        journal
            .append(then, &WorldChange::Moved)
            .map_err(|error| format!("cannot write the state folder: {error}"))?;
    }
    shared.clock.forward(by);
    let now = shared.clock.now();
    shared.world.apply_due_events(now);
    Ok(clock(shared))
}

fn make_change(shared: &mut SandboxServerState, name: &str, instance: String) -> Result<(), ApiError> {
    let now = shared.clock.now();
    let deed = if name == "interrupt" {
        WorldChange::Interrupt(instance.clone())
    } else {
        WorldChange::PowerOff(instance.clone())
    };
    if let Some(journal) = &mut shared.journal {
        journal.append(now, &deed).map_err(|error| ApiError::new("InternalError", error.to_string()))?;
    }
    match name {
        "interrupt" => shared.world.interrupt(now, &instance),
        _ => shared.world.power_off(now, &instance),
    }
}

/// Replaces the console output of an instance.
fn write_console(shared: &mut SandboxServerState, instance: String, text: String) -> Result<(), ApiError> {
    let now = shared.clock.now();
    if let Some(journal) = &mut shared.journal {
        let change = WorldChange::Console(instance.clone(), text.clone());
        journal.append(now, &change).map_err(|error| ApiError::new("InternalError", error.to_string()))?;
    }
    shared.world.write_console(now, &instance, &text)
}

/// Replaces the scenario's failures of calls, until the sandbox ends.
fn replace_failures(shared: &mut SandboxServerState, body: &[u8]) -> serde_json::Result<()> {
    shared.world.rules.failures = serde_json::from_slice(body)?;
    shared.faults.restart_calls(&shared.world.rules);
    Ok(())
}

fn calls(counter: &CallCounter) -> Value {
    json!({
        "total": counter.total(), "in_sequence": counter.in_sequence, "by_action": counter.by_action,
    })
}

/// Returns the access keys of the account in the query, or of the first account.
fn credentials(shared: &SandboxServerState, query: &str) -> Value {
    let wanted = form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "account")
        .map(|(_, value)| value.into_owned());
    let wanted = wanted.unwrap_or_else(|| FIRST_ACCOUNT.to_string());
    let keys = shared
        .world
        .state
        .keys
        .iter()
        .filter(|(_, key)| key.session.is_none() && key.principal.account() == wanted);
    let list: Vec<Value> = keys
        .map(|(id, key)| json!({ "access_key": id, "secret": key.secret, "arn": key.principal.arn() }))
        .collect();
    json!({ "keys": list })
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
    let listener = TcpListener::bind((local, 0)).await?;
    let address = listener.local_addr()?;
    let opened = shared.borrow().opened.send((listener, instance.to_string()));
    opened.map_err(std::io::Error::other)?;
    shared.borrow_mut().ports.insert(instance.to_string(), address.port());
    Ok(address)
}
