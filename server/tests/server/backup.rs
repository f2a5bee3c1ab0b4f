//! Tests of `throughline backup` and `throughline restore`, end to end.

use std::fs;

use throughline_store::testing::{FreshDatabase, count, table_digests};

use crate::program::{Program, command, data_dir, run};
use crate::support::{Receiver, Server, span};

/// Returns the table digests without the tables that a restore fills with other rows.
async fn digests(url: &str) -> Vec<(String, i64, Option<String>)> {
    let mut digests = table_digests(url).await;
    digests.retain(|(table, ..)| table != "day_archive" && table != "retention_days");
    digests
}

#[tokio::test]
async fn backup_of_a_running_server_restores_into_another_database() {
    let server = Server::start().await;
    let sent = span("kept");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("all.backup");
    let file = path.to_str().expect("text");
    let url = server.database_url().to_owned();

    let (status, stderr) = run(&["backup", file, "--database-url", &url]).await;
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("backed up: traces, 1 rows"), "{stderr}");
    let whole = fs::read(&path).expect("is there");
    let (status, stderr) = run(&["backup", file, "--database-url", &url]).await;
    assert!(!status.success());
    assert!(stderr.contains("--force"), "{stderr}");
    let (status, stderr) = run(&["backup", file, "--force", "--database-url", &url]).await;
    assert!(status.success(), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);

    let other = FreshDatabase::create_empty().await;
    let cut = folder.path().join("cut.backup");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("writes");
    let cut = cut.to_str().expect("text");
    let (status, stderr) = run(&["restore", cut, "--database-url", other.url()]).await;
    assert!(!status.success());
    assert!(stderr.contains("not complete"), "{stderr}");
    let (status, stderr) = run(&["restore", file, "--database-url", other.url()]).await;
    assert!(status.success(), "{stderr}");
    assert_eq!(digests(other.url()).await, digests(&url).await);

    let (status, stderr) = run(&["restore", file, "--database-url", other.url()]).await;
    assert!(!status.success());
    assert!(stderr.contains("not empty"), "{stderr}");
    let restored = Server::start_on(other.url(), None).await;
    restored.wait_until_ready().await;
    let trace = restored.trace(&sent).await;
    assert_eq!(trace["spans"].as_array().map(Vec::len), Some(1));
    restored.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_a_private_cluster_goes_through_pipes_into_a_new_data_directory() {
    let (from, to) = (data_dir(), data_dir());
    let server = Program::serve(from.path()).await;
    let sent = span("kept");
    let posted = crate::support::client()
        .post(format!("{}{}", server.base, Receiver::Native.path()))
        .header("content-type", Receiver::Native.content_type())
        .body(Receiver::Native.body(std::slice::from_ref(&sent)))
        .send()
        .await
        .expect("answers");
    assert!(posted.status().is_success());
    let from_path = from.path().to_str().expect("text");
    let backup = command(&["backup", "-", "--data-dir", from_path]).output();
    let backup = backup.await.expect("runs");
    let stderr = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert!(backup.status.success(), "{stderr}");

    let folder = data_dir();
    let path = folder.path().join("all.backup");
    fs::write(&path, &backup.stdout).expect("writes");
    let in_use = run(&[
        "restore",
        path.to_str().expect("text"),
        "--data-dir",
        from_path,
    ])
    .await;
    assert!(!in_use.0.success());
    assert!(
        in_use.1.contains("another throughline (process"),
        "{}",
        in_use.1
    );
    assert!(server.stop().await.success());

    let to_path = to.path().to_str().expect("text");
    let mut restore = command(&["restore", "-", "--data-dir", to_path]);
    restore.stdin(fs::File::open(&path).expect("opens"));
    let restore = restore.output().await.expect("runs");
    let stderr = String::from_utf8_lossy(&restore.stderr).into_owned();
    assert!(restore.status.success(), "{stderr}");
    let server = Program::serve(to.path()).await;
    let url = fs::read_to_string(to.path().join("database-url")).expect("a URL");
    assert_eq!(count(url.trim(), "SELECT count(*) FROM traces").await, 1);
    assert!(server.stop().await.success());
}
