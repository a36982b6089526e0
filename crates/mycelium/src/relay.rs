//! Connects the standard streams with an address, for ssh's ProxyCommand.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);

/// Connects the standard streams with an address, until the other side closes. `before` runs once
/// the connection stands, before any byte.
///
/// # Errors
/// There is no connection, `before` failed, or a stream broke.
pub(crate) fn relay_streams(address: SocketAddr, before: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_nodelay(true)?;
    before()?;
    // The buffers of the standard library would keep bytes back.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut there = stream.try_clone()?;
    // It may wait for input when the other side has closed, and ends with the process.
    thread::spawn(move || {
        let _ = io::copy(&mut input, &mut there);
        let _ = there.shutdown(Shutdown::Write);
    });
    match io::copy(&mut &stream, &mut output) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        // After the first byte a failure is no reason to connect again.
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_refused_connection_is_not_retried_as_a_broken_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let failed = relay_streams(address, &|| Err(io::Error::other("no key"))).unwrap_err();
        assert_eq!((failed.kind(), failed.to_string().as_str()), (io::ErrorKind::Other, "no key"));
        drop(listener);
        let failed = relay_streams(address, &|| Ok(())).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionRefused);
    }
}
