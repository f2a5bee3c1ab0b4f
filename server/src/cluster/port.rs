//! The port of the cluster.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

use super::data_dir::DataDir;

const FILE: &str = "postgres-port";

/// Returns the port of the last start if it is still free, otherwise any free one. Saves it for the
/// next start.
pub(super) fn choose(data_dir: &DataDir) -> Result<u16> {
    let last = data_dir.read(FILE)?.and_then(|text| text.parse().ok());
    let port = match last.filter(|port| is_free(*port)) {
        Some(port) => port,
        None => free()?,
    };
    data_dir.write_private(FILE, &format!("{port}\n"))?;
    Ok(port)
}

/// Removes the saved port.
pub(super) fn forget(data_dir: &DataDir) {
    data_dir.remove(FILE);
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port")?;
    Ok(listener
        .local_addr()
        .context("cannot find a free port")?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_reused_unless_it_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = DataDir::open(folder.path(), None).expect("free");
        let first = choose(&data_dir).expect("a port");
        assert_eq!(choose(&data_dir).expect("a port"), first);

        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let taken = (taken.local_addr().expect("bound").port(), taken);
        data_dir
            .write_private(FILE, &taken.0.to_string())
            .expect("written");
        assert_ne!(choose(&data_dir).expect("a port"), taken.0);
    }
}
