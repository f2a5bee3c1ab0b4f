//! Bodies that are compressed, damaged, decompression bombs, or too many at once.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writes to memory");
    encoder.finish().expect("writes to memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("writes to memory")
}

async fn read_encoded(
    encoding: &'static str,
    bytes: Vec<u8>,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let headers = HeaderMap::from_iter([(
        header::CONTENT_ENCODING,
        axum::http::HeaderValue::from_static(encoding),
    )]);
    let limits = BodyLimits::new(limit, limit * 4);
    read(&headers, Body::from(bytes), &limits)
        .await
        .map(|body| body.bytes)
}

/// A function that compresses bytes.
type Encoder = fn(&[u8]) -> Vec<u8>;
const ENCODERS: [(&str, Encoder); 2] = [("gzip", gzip), ("zstd", zstd)];

#[tokio::test]
async fn all_members_and_frames_of_a_body_are_decompressed() {
    for (encoding, encode) in ENCODERS {
        let mut bytes = encode(b"one ");
        bytes.extend(encode(b"two"));
        assert_eq!(
            read_encoded(encoding, bytes, 100).await,
            Ok(Bytes::from_static(b"one two")),
            "{encoding}"
        );
        assert_eq!(read_encoded(encoding, vec![], 100).await, Ok(Bytes::new()));
    }
}

#[tokio::test]
async fn a_compression_bomb_is_too_large_in_one_part_or_many() {
    for (encoding, encode) in ENCODERS {
        assert_eq!(
            read_encoded(encoding, encode(&vec![0; 1 << 20]), 10_000).await,
            Err(BodyError::TooLarge(10_000)),
            "{encoding}"
        );
        let many: Vec<u8> = core::iter::repeat_n(encode(&[0; 500]), 50)
            .flatten()
            .collect();
        assert_eq!(
            read_encoded(encoding, many, 10_000).await,
            Err(BodyError::TooLarge(10_000)),
            "{encoding}"
        );
    }
}

#[tokio::test]
async fn a_damaged_body_is_reported_as_damaged() {
    for (encoding, encode) in ENCODERS {
        let whole = encode(b"hello, hello, hello");
        let cut = whole[..whole.len() - 4].to_vec();
        let trailing = [&whole[..], b"more"].concat();
        for (what, bytes) in [
            ("cut", cut),
            ("trailing", trailing),
            ("plain", b"plain".to_vec()),
        ] {
            let error = read_encoded(encoding, bytes, 100).await.expect_err(what);
            assert!(
                matches!(error, BodyError::Corrupt { .. }),
                "{what}: {error}"
            );
            assert!(error.to_string().contains(encoding), "{what}: {error}");
        }
    }
}

/// Returns a frame of `bytes` whose sender uses a window of 2^`window_log` bytes.
fn zstd_of_window(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("memory");
    encoder.window_log(window_log).expect("in range");
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[tokio::test]
async fn a_zstd_frame_with_a_window_over_8_mib_is_rejected() {
    let read = |window_log| read_encoded("zstd", zstd_of_window(b"small", window_log), 100);
    assert_eq!(read(23).await, Ok(Bytes::from_static(b"small")));
    let error = read(27).await.expect_err("refused");
    assert!(matches!(error, BodyError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn decompressed_bytes_count_for_the_body_budget() {
    let limits = BodyLimits::new(1 << 20, 2 << 20);
    let headers = HeaderMap::from_iter([(
        header::CONTENT_ENCODING,
        axum::http::HeaderValue::from_static("zstd"),
    )]);
    let body = || Body::from(zstd(&vec![0; 1 << 20]));
    let first = read(&headers, body(), &limits).await.expect("fits");
    assert!(matches!(
        read(&headers, body(), &limits).await,
        Err(BodyError::Busy)
    ));
    drop(first);
    assert!(read(&headers, body(), &limits).await.is_ok());
}

#[tokio::test]
async fn concurrent_bodies_stay_within_the_body_budget() {
    let limits = BodyLimits::new(1024, 2048);
    let headers = HeaderMap::new();
    let body = || Body::from(vec![0; 1024]);
    let first = read(&headers, body(), &limits).await.expect("fits");
    let _second = read(&headers, body(), &limits).await.expect("fits");
    assert!(matches!(
        read(&headers, body(), &limits).await,
        Err(BodyError::Busy)
    ));
    drop(first);
    assert!(read(&headers, body(), &limits).await.is_ok());
}
