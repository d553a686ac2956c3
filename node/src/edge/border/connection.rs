//! One authenticated connection: the byte stream with its limits around it. It ends when its pin changes, when it is silent,
//! when it is too old, or when its [`Fate`] says so; the permits it holds go with it. It is read no faster than its peer may
//! send.

use super::code::{Code, Side};
use super::fate::Fate;
use super::meter::{Allowance, Meter, PREFACE};
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
use varde_proto::identity::PublicKey;

/// A live peer answers keep-alives every 20 s; three missed ones are enough.
const SILENCE: Duration = Duration::from_secs(60);
/// The greatest age: keys are proven anew at least once a day.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// Who is at the other end; worked out once a connection.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// The pinned peer whose key the handshake proved.
    pub peer: Arc<Peer>,
    /// That key.
    pub key: PublicKey,
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
    meter: Meter,
    /// Until when nothing more is read.
    pause: Option<Pin<Box<Sleep>>>,
    held: Held,
}

/// What a connection holds of what there is a bounded number of.
#[derive(Debug)]
pub(crate) struct Held {
    _permits: Vec<OwnedSemaphorePermit>,
    allowance: Arc<Allowance>,
}

impl Held {
    /// Its places among the connections, and what its peer may send.
    pub(crate) fn new(permits: Vec<OwnedSemaphorePermit>, allowance: Arc<Allowance>) -> Self {
        Self { _permits: permits, allowance }
    }

    /// Of a connection that is not counted: one that we dialled.
    pub(crate) fn alone() -> Self {
        Self::new(Vec::new(), Arc::new(Allowance::new()))
    }
}

impl<S> Connection<S> {
    /// Takes a stream after its handshake.
    pub(crate) fn new(stream: S, info: PeerInfo, pins: watch::Receiver<Arc<Pins>>, held: Held) -> Self {
        // Whoever dials speaks first.
        let meter = Meter::new(if info.side == Side::Accepted { PREFACE } else { 0 });
        let end = Box::pin(end(info.clone(), pins));
        let silence = Box::pin(tokio::time::sleep(SILENCE));
        Self { stream, info, end, silence, heard: Instant::now(), meter, pause: None, held }
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
    let same = |pin: &Arc<Peer>| pin.descriptor == info.peer.descriptor && pin.tls.contains(&info.key);
    let pinned = |pins: &Arc<Pins>| pins.get(info.peer.node()).is_some_and(same);
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
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        let before = into.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, into));
        match &read {
            Ok(()) if into.filled().len() > before => {
                this.heard = Instant::now();
                let until = this.meter.charge(&into.filled()[before..], &this.held.allowance);
                this.pause = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
            }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{peer, pins};
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    fn connection(pins: watch::Receiver<Arc<Pins>>) -> (Connection<DuplexStream>, DuplexStream, Fate) {
        let (near, far) = tokio::io::duplex(1024);
        let remote = ([127, 0, 0, 1], 1).into();
        let peer = Arc::new(peer("EE", 1));
        let info = PeerInfo { key: peer.tls[0], peer, remote, side: Side::Accepted, fate: Fate::new() };
        let fate = info.fate.clone();
        (Connection::new(near, info, pins, Held::alone()), far, fate)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_after_a_minute_of_silence_and_not_before() {
        let (_sender, pins) = watch::channel(pins(&[("EE", 1)]));
        let (mut near, mut far, fate) = connection(pins);
        let began = Instant::now();
        let speak = async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(40)).await;
                far.write_all(b"x").await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let listen = async {
            let mut all = Vec::new();
            near.read_to_end(&mut all).await.unwrap_err();
            all
        };
        let all = tokio::select! { all = listen => all, () = speak => Vec::new() };
        assert_eq!((all, fate.ended()), (b"xxx".to_vec(), Some(Code::Silent)));
        assert_eq!(began.elapsed().as_secs(), 180);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_after_a_day_however_lively_it_is() {
        let (_sender, pins) = watch::channel(pins(&[("EE", 1)]));
        let (mut near, mut far, fate) = connection(pins);
        let speak = async {
            loop {
                tokio::time::sleep(Duration::from_secs(30)).await;
                far.write_all(b"x").await.unwrap();
            }
        };
        let listen = async {
            let mut one = [0];
            while near.read_exact(&mut one).await.is_ok() {}
        };
        tokio::select! { () = listen => {}, () = speak => {} }
        assert_eq!(fate.ended(), Some(Code::TooOld));
        assert!(near.write_all(b"x").await.is_err(), "what has ended is not written to");
    }

    #[tokio::test]
    async fn a_connection_ends_when_its_own_pin_changes_and_not_when_another_does() {
        let (sender, receiver) = watch::channel(pins(&[("EE", 1)]));
        let (mut near, mut far, fate) = connection(receiver);
        far.write_all(b"a").await.unwrap();
        sender.send_replace(pins(&[("EE", 1), ("LT", 40)]));
        let mut one = [0];
        near.read_exact(&mut one).await.unwrap();
        sender.send_replace(pins(&[("EE", 20), ("LT", 40)]));
        assert!(near.read_exact(&mut one).await.is_err());
        assert_eq!(fate.ended(), Some(Code::PinChanged));
    }

    #[tokio::test]
    async fn a_connection_ends_when_the_key_that_authenticated_it_is_revoked() {
        let (sender, receiver) = watch::channel(pins(&[("EE", 1)]));
        let (mut near, _far, fate) = connection(receiver);
        let revoked = Peer { tls: Vec::new(), ..peer("EE", 1) };
        let mut pins = Pins::default();
        pins.take(revoked).unwrap();
        sender.send_replace(Arc::new(pins));
        assert!(near.read_exact(&mut [0]).await.is_err());
        assert_eq!(fate.ended(), Some(Code::PinChanged));
    }
}
