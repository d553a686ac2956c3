//! One authenticated connection: the byte stream with its limits around it. It ends when its pin changes, when it is silent,
//! when it is too old, or when its [`Fate`] says so; the permits it holds go with it.

use super::code::{Code, Side};
use super::fate::Fate;
use super::pins::{Peer, Pins};
use super::tls;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Sleep};
use tonic::transport::server::Connected;

/// A live peer answers keep-alives every 20 s; three missed ones are enough.
const SILENCE: Duration = Duration::from_secs(60);
/// The greatest age: keys are proven anew at least once a day.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// Who is at the other end; worked out once a connection.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// The pinned peer whose key the handshake proved.
    pub peer: Arc<Peer>,
    /// Its address.
    pub remote: SocketAddr,
    /// Who dialled.
    pub side: Side,
    /// Ends the connection, and says why it ended.
    pub fate: Fate,
}

/// A byte stream with its limits.
pub(crate) struct Connection<S> {
    stream: S,
    info: PeerInfo,
    end: Pin<Box<dyn Future<Output = Code> + Send>>,
    silence: Pin<Box<Sleep>>,
    heard: Instant,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl<S> Connection<S> {
    /// Takes a stream after its handshake.
    pub(crate) fn new(
        stream: S,
        info: PeerInfo,
        pins: watch::Receiver<Arc<Pins>>,
        permits: Vec<OwnedSemaphorePermit>,
    ) -> Self {
        let end = Box::pin(end(info.clone(), pins));
        let silence = Box::pin(tokio::time::sleep(SILENCE));
        Self { stream, info, end, silence, heard: Instant::now(), _permits: permits }
    }

    /// Ready with an error once the connection has ended.
    fn check(&mut self, cx: &mut Context<'_>) -> Result<(), io::Error> {
        if let Some(code) = self.info.fate.ended() {
            return Err(aborted(code));
        }
        if let Poll::Ready(code) = self.end.as_mut().poll(cx) {
            self.info.fate.end(code);
            return Err(aborted(code));
        }
        while self.silence.as_mut().poll(cx).is_ready() {
            let until = self.heard + SILENCE;
            if until <= Instant::now() {
                self.info.fate.end(Code::Silent);
                return Err(aborted(Code::Silent));
            }
            self.silence.as_mut().reset(until);
        }
        Ok(())
    }

    fn broke(&self, error: &io::Error) {
        self.info.fate.end(tls::code_of(error));
    }
}

/// What ends a connection from within.
async fn end(info: PeerInfo, mut pins: watch::Receiver<Arc<Pins>>) -> Code {
    let pinned = |pins: &Arc<Pins>| pins.get(info.peer.node()).is_some_and(|p| p.descriptor == info.peer.descriptor);
    tokio::select! {
        code = info.fate.wait() => code,
        _ = pins.wait_for(|pins| !pinned(pins)) => Code::PinChanged,
        () = tokio::time::sleep(AGE) => Code::TooOld,
    }
}

fn aborted(code: Code) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, code)
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        let before = into.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, into));
        match &read {
            Ok(()) if into.filled().len() > before => this.heard = Instant::now(),
            Ok(()) => {}
            Err(error) => this.broke(error),
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        Pin::new(&mut this.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.info.fate.end(Code::Closed);
    }
}

impl<S> Connected for Connection<S> {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}
