//! Attacks by anybody who can reach the port. Each runs until it is stopped.

use super::foe::{Foe, Pace, until_closed};
use crate::party::Failure;
use crate::stranger::connect_over;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

/// Runs so many at once for ever; one that ends, however it ends, begins again.
pub(super) async fn crowd<F, Fut>(count: u32, one: F)
where
    F: Fn(u32) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    let mut all = JoinSet::new();
    for number in 0..count {
        let one = one.clone();
        all.spawn(async move {
            loop {
                // Being refused is what is expected.
                if one(number).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    while all.join_next().await.is_some() {}
}

/// A ClientHello that never comes to its end.
pub(super) async fn slowloris(foe: Arc<Foe>, addresses: u32) {
    let pace = Arc::new(Pace::new(1000));
    crowd(200, move |number| {
        let (foe, pace) = (foe.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let mut stream = foe.knock(number % addresses).await?;
            stream.set_nodelay(true)?;
            let head = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
            for byte in head.into_iter().chain(std::iter::repeat_n(7, 400)) {
                foe.send(&mut stream, 1, &[byte]).await?;
                until_closed(&mut stream, Duration::from_millis(100)).await;
            }
            Ok(())
        }
    })
    .await;
}

/// As many connections as files allow, 10,000 at most, silent. What the node closes is kept for a moment all the same, so that there
/// are as many at once, and then opened again.
pub(super) async fn connections(foe: Arc<Foe>) {
    let pace = Arc::new(Pace::new(10_000));
    crowd(super::strike::files().min(10_000), move |number| {
        let (foe, pace) = (foe.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let mut stream = foe.knock(number % 100).await?;
            let _open = foe.done.open();
            foe.done.add(1, 0);
            until_closed(&mut stream, Duration::from_secs(60)).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        }
    })
    .await;
}

/// Handshakes that are finished, with a key that is not pinned.
pub(super) async fn handshakes(foe: Arc<Foe>) {
    let pace = Arc::new(Pace::new(200));
    crowd(32, move |number| {
        let (foe, pace) = (foe.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let stream = foe.knock(number * 3 % 100).await?;
            // In TLS 1.3 the client finishes first; it is refused at its first read.
            let mut stream = connect_over(stream, foe.unpinned.clone()).await?;
            foe.done.add(1, 0);
            until_closed(&mut stream, Duration::from_secs(5)).await;
            Ok(())
        }
    })
    .await;
}

/// Bytes of no protocol.
pub(super) async fn noise(foe: Arc<Foe>) {
    let pace = Arc::new(Pace::new(500));
    crowd(8, move |number| {
        let (foe, pace) = (foe.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let mut chance = ChaCha8Rng::seed_from_u64(number.into());
            let mut noise = vec![0; 64 * 1024];
            chance.fill_bytes(&mut noise);
            // Every other one looks like a TLS record at first.
            if number % 2 == 1 {
                noise[..5].copy_from_slice(&[22, 3, 1, 0x3f, 0]);
            }
            let mut stream = foe.knock(number).await?;
            loop {
                foe.send(&mut stream, 1, &noise).await?;
                stream.flush().await?;
            }
        }
    })
    .await;
}
