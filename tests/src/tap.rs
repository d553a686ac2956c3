//! A relay on the way to a node, which counts what passes in either direction and changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The relay; ends when dropped.
pub struct Tap {
    /// Where it listens.
    pub address: SocketAddr,
    bytes: Arc<AtomicU64>,
    target: watch::Sender<Option<SocketAddr>>,
    task: tokio::task::JoinHandle<()>,
}

impl Tap {
    /// Listens on a free port of loopback; whoever comes before there is a target is turned away.
    pub async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (target, to) = watch::channel(None);
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (to, counted) = (*to.borrow(), counted.clone());
                tokio::spawn(async move {
                    let Some(to) = to else { return };
                    // Whoever does not find the node finds a closed connection, as without a relay.
                    if let Ok(far) = TcpStream::connect(to).await {
                        relay(near, far, counted).await;
                    }
                });
            }
        });
        Ok(Self { address, bytes, target, task })
    }

    /// Relays to here from now on.
    pub fn lead_to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    /// Bytes in both directions so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(near: TcpStream, far: TcpStream, counted: Arc<AtomicU64>) {
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let there = tokio::spawn(pass(from_near, to_far, counted.clone()));
    pass(from_far, to_near, counted).await;
    // It ends when its own side does.
    let _ = there.await;
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counted: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        counted.fetch_add(count as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // What it leads to may be gone already.
    let _ = to.shutdown().await;
}
