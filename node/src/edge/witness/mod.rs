//! The optional plain HTTP door through which foreign logs, witnesses and monitors talk to this node: C2SP tlog-witness for
//! the logs that `varde.toml` names, and tlog-tiles of our own log where it says so. Closed unless an address is named.
//!
//! In: accepting, bounds and deadlines. Out: what is asked and answered (`answer`); how peers witness each other, which they
//! do over their own connections ([`crate::flow::witness`]).

mod answer;
mod pace;
mod published;

use crate::flow::Node;
use answer::Service;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use varde_proto::home::WitnessDoor;

/// What a request may take: to send its head, its body, and to be decided.
const DEADLINE: Duration = Duration::from_secs(5);
/// What a connection may last, whatever goes over it.
const LIFE: Duration = Duration::from_secs(60);
/// Connections at once; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// Bytes that are read ahead of a request.
const BUFFER: usize = 16 * 1024;
/// After an accept error (no file descriptors left, above all) the loop rests.
const REST: Duration = Duration::from_millis(100);

/// A bound address at which nothing is answered yet.
pub struct Listener {
    listener: TcpListener,
    door: WitnessDoor,
}

impl Listener {
    /// Binds the address that the settings name.
    pub async fn bind(door: WitnessDoor) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(door.listen).await?, door })
    }

    /// Where it listens.
    pub fn local(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped.
    pub async fn run(self, node: Arc<Node>) {
        let service = Arc::new(Service::new(node, self.door));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut tasks = JoinSet::new();
        while let Ok(place) = room.clone().acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) => drop(tasks.spawn(serve(stream, service.clone(), place))),
                Err(error) => {
                    tracing::warn!(%error, "the system accepts no connection to the witness");
                    tokio::time::sleep(REST).await;
                }
            }
            while tasks.try_join_next().is_some() {}
        }
    }
}

async fn serve(stream: TcpStream, service: Arc<Service>, _place: OwnedSemaphorePermit) {
    let service = service_fn(move |request| answer::answer(service.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINE)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever breaks off is no event: nobody is authenticated here.
    let _ = tokio::time::timeout(LIFE, connection).await;
}
