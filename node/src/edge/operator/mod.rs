//! The door for the country's own staff: a Unix socket, mode 0600 in a directory of mode 0700, that serves the user the
//! node runs as, and root. In: the door and who may pass. Out: what is served behind it, one file a service; the peers'
//! door, which shares no code with this one but `status`.
//!
//! A service is one line where the node starts: `Routes::new(node_service(vitals)).add_service(...)`.

mod agreements;
mod alerts;
mod backups;
mod conversation;
mod drawing;
mod erasures;
mod listing;
mod log;
mod node;
mod prospects;
mod records;
mod stories;
mod trends;
mod versions;
mod watching;

pub use agreements::agreements_service;
pub use alerts::alerts_service;
pub use conversation::conversation_service;
pub use log::log_service;
pub use node::{PeerVitals, Vitals, node_service};
pub use records::records_service;
pub use trends::trends_service;

use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;

/// The socket's file name in `DIR/run`.
pub const SOCKET: &str = "operator.sock";

/// How long calls may go on once the node is told to stop (stack.md: a graceful end may otherwise never come).
const FAREWELL: Duration = Duration::from_secs(10);

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A node already runs in this directory.
    #[error("another node answers at {0}")]
    InUse(PathBuf),
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Serving ended with a failure.
    #[error("the operator door failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// The open door. Its socket file goes when it is dropped.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    socket: SocketFile,
    owner: u32,
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that is gone already is what we want; one that stays is removed by the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Door {
    /// Makes `run` (mode 0700) and opens the socket in it. A socket left behind by a node that was killed is replaced;
    /// one at which somebody answers is not.
    pub async fn open(run: &Path) -> Result<Self, DoorError> {
        private_directory(run).map_err(io("prepare", run))?;
        let path = run.join(SOCKET);
        // Unix socket addresses end at 107 bytes; through the directory's descriptor every path is short enough.
        let directory = std::fs::File::open(run).map_err(io("open", run))?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(SOCKET);
        remove_stale(&short, &path).await?;
        let listener = UnixListener::bind(&short).map_err(io("listen at", &path))?;
        let socket = SocketFile(path);
        let file = &socket.0;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).map_err(io("protect", file))?;
        let owner = std::fs::metadata(file).map_err(io("read", file))?.uid();
        Ok(Self { listener, socket, owner })
    }

    /// Serves until `stop`, then lets calls in progress end for a while.
    pub async fn serve(self, services: Routes, stop: impl Future<Output = ()> + Send) -> Result<(), DoorError> {
        let Self { listener, socket: _socket, owner } = self;
        let visitors = UnixListenerStream::new(listener).then(breathe).filter_map(move |visit| match visit {
            Ok(stream) => admitted(&stream, owner).then_some(Ok(stream)),
            Err(error) => Some(Err(error)),
        });
        let (told, mut ending) = tokio::sync::watch::channel(false);
        let stop = async move {
            stop.await;
            let _ = told.send(true);
        };
        let served = Server::builder().add_routes(services).serve_with_incoming_shutdown(visitors, stop);
        let too_long = async {
            let _ = ending.wait_for(|told| *told).await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            outcome = served => Ok(outcome?),
            () = too_long => Ok(()),
        }
    }
}

/// Out of descriptors, an accept loop without a pause would only burn time.
async fn breathe(visit: std::io::Result<UnixStream>) -> std::io::Result<UnixStream> {
    if visit.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    visit
}

fn admitted(stream: &UnixStream, owner: u32) -> bool {
    let visitor = stream.peer_cred().map(|c| c.uid());
    let may = visitor.as_ref().is_ok_and(|uid| may_pass(*uid, owner));
    if !may {
        tracing::warn!(uid = ?visitor.ok(), "refused a visitor at the operator door");
    }
    may
}

fn may_pass(visitor: u32, owner: u32) -> bool {
    visitor == owner || visitor == 0
}

fn private_directory(run: &Path) -> std::io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(run) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    std::fs::set_permissions(run, std::fs::Permissions::from_mode(0o700))
}

async fn remove_stale(short: &Path, path: &Path) -> Result<(), DoorError> {
    match UnixStream::connect(short).await {
        Ok(_) => Err(DoorError::InUse(path.to_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(short).map_err(io("replace", path)),
        Err(e) => Err(io("look at", path)(e)),
    }
}

fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> DoorError + 'a {
    move |source| DoorError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_private_and_goes_with_the_door() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("d".repeat(120));
        let door = Door::open(&run).await.unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&run), mode(&run.join(SOCKET))), (0o700, 0o600));
        drop(door);
        assert!(!run.join(SOCKET).exists());
    }

    #[tokio::test]
    async fn a_directory_that_others_may_enter_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).unwrap();
        let _door = Door::open(&run).await.unwrap();
        assert_eq!(std::fs::metadata(&run).unwrap().permissions().mode() & 0o7777, 0o700);
    }

    #[tokio::test]
    async fn a_second_node_does_not_take_the_socket_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Door::open(dir.path()).await.unwrap();
        assert!(matches!(Door::open(dir.path()).await, Err(DoorError::InUse(_))));
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(dir.path().join(SOCKET)).unwrap());
        assert!(Door::open(dir.path()).await.is_ok());
    }

    #[test]
    fn the_nodes_own_user_and_root_may_pass_and_nobody_else() {
        assert!(may_pass(1000, 1000) && may_pass(0, 1000));
        assert!(!may_pass(1001, 1000) && !may_pass(1000, 0));
    }
}
