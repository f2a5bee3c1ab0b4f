//! Closes a connection when its client has read nothing for too long. A response stays in memory
//! until the client has read it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail once one of them has waited for `timeout`. Time without a pending
/// write does not count.
#[derive(Debug)]
pub(super) struct NotStalled<S> {
    stream: S,
    timeout: Duration,
    /// The time at which the pending write fails.
    given_up: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<S> NotStalled<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            given_up: Box::pin(sleep(timeout)),
            is_waiting: false,
        }
    }

    /// Returns the result of a write, or an error if it has waited for too long.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let until = Instant::now() + self.timeout;
            self.given_up.as_mut().reset(until);
        }
        self.given_up.as_mut().poll(context).map(|()| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not read the response",
            ))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for NotStalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for NotStalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_disconnected() {
        let (_client, stream) = duplex(16);
        let mut stream = NotStalled::new(stream, TIMEOUT);
        let before = Instant::now();
        let written = stream.write_all(&[0; 17]).await;
        let error = written.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(before.elapsed() >= TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_served_to_the_end() {
        let (mut client, stream) = duplex(16);
        let mut stream = NotStalled::new(stream, TIMEOUT);
        let written = tokio::spawn(async move { stream.write_all(&[0; 200]).await });
        for _ in 0..200 {
            sleep(TIMEOUT / 2).await;
            client.read_u8().await.expect("a byte");
        }
        written.await.expect("runs").expect("all of it");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_not_stalled() {
        let (mut client, stream) = duplex(16);
        let mut stream = NotStalled::new(stream, TIMEOUT);
        for _ in 0..3 {
            // Like a live view without events.
            sleep(2 * TIMEOUT).await;
            stream.write_all(&[0; 16]).await.expect("there is space");
            client.read_exact(&mut [0; 16]).await.expect("sent");
        }
    }
}
