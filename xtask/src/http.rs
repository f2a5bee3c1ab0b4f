//! A minimal HTTP client that checks whether a server on this machine responds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Result;

/// Returns the status of `GET http://{address}{path}`, or `None` without a valid response in 2 s.
pub(crate) fn status(address: &str, path: &str) -> Option<u16> {
    let limit = Duration::from_secs(2);
    let socket = address.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&socket, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = Vec::new();
    let mut buffer = [0_u8; 256];
    while head.len() < 12 {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => head.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    parse_status(&String::from_utf8_lossy(&head))
}

/// Parses a status line: `HTTP/1.1 200 OK` gives 200.
fn parse_status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Returns different addresses on the loopback interface that are free at the moment. All are taken
/// before one is released, because the system may assign a released port again.
pub(crate) fn free_addresses<const N: usize>() -> Result<[String; N]> {
    let mut listeners = Vec::new();
    let mut addresses = [const { String::new() }; N];
    for address in &mut addresses {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *address = listener.local_addr()?.to_string();
        listeners.push(listener);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(
            parse_status("HTTP/1.1 503 Service Unavailable\r\n"),
            Some(503)
        );
        assert_eq!(parse_status("HTTP/1.0 200"), Some(200));
        assert_eq!(parse_status("SSH-2.0-OpenSSH"), None);
        assert_eq!(parse_status("HTTP/1.1 "), None);
    }

    #[test]
    fn free_addresses_differ() -> Result<()> {
        let addresses: [String; 100] = free_addresses()?;
        let different: std::collections::HashSet<_> = addresses.iter().collect();
        assert_eq!(different.len(), 100);
        Ok(())
    }

    #[test]
    fn a_closed_port_has_no_status() -> Result<()> {
        let [address] = free_addresses()?;
        assert_eq!(status(&address, "/"), None);
        Ok(())
    }
}
