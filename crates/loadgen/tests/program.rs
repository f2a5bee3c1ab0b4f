//! Tests the load generator as a process.

use std::process::Command;

#[test]
fn an_unreachable_server_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_throughline-loadgen"))
        .args([
            "--url",
            "http://127.0.0.1:1",
            "--spans",
            "10",
            "--timeout-s",
            "0",
        ])
        .output()
        .expect("runs");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("cannot connect to 127.0.0.1:1"), "{text}");
}
