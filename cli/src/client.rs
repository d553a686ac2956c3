//! The connection to the own node: gRPC over `DIR/run/operator.sock`. There is no other address.
//!
//! A node may take the connection and never answer: it was stopped, or its machine is on its knees. Nobody waits for that for
//! ever: it is asked for a first word before anything is sent, each call has a deadline, each stream one between two messages.

use crate::context::Context;
use crate::failure::Failure;
use crate::owner;
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint, Uri};

/// What a call may take that goes through every record, beyond the patience for any call.
pub(crate) const COUNTING: Duration = Duration::from_secs(300);

/// How a conversation over HTTP/2 begins (RFC 9113, 3.4), with empty settings; whoever serves answers with its own.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Connects to the node of `--dir`; a node that is not running is a failure that says how to start it.
pub(crate) async fn connect(context: &Context) -> Result<Channel, Failure> {
    connect_for(context, Duration::ZERO).await
}

/// Connects for calls that may take so long: a wait for receipts, [`COUNTING`].
pub(crate) async fn connect_for(context: &Context, work: Duration) -> Result<Channel, Failure> {
    let (dir, patience) = (context.node_dir()?, context.patience);
    let socket = dir.join("run").join("operator.sock");
    // A first, plain connection tells the reasons apart, which tonic folds into one.
    match tokio::time::timeout(patience, knock(&socket)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(unreachable(dir, &socket, &error)),
        Err(_) => return Err(silent(dir, patience)),
    }
    let path = socket.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { dial(&path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://node.invalid")
        .timeout(patience + work)
        .connect_timeout(patience)
        .connect_with_connector(connector)
        .await
        .map_err(|e| Failure::ours(format!("no conversation with the node at {}: {e}", socket.display())))
}

/// The next message of a stream, within the patience for one.
pub(crate) async fn next<T>(stream: &mut Streaming<T>, context: &Context) -> Result<Option<T>, Failure> {
    let message = tokio::time::timeout(context.patience, stream.message()).await;
    Ok(message.map_err(|_| Failure::late("the node fell silent in the middle of its answer"))??)
}

/// Waits for the node's first byte.
async fn knock(socket: &Path) -> io::Result<()> {
    let mut stream = dial(socket).await?;
    stream.write_all(PREFACE).await?;
    stream.read_u8().await.map(drop)
}

/// A socket's address is at most 107 bytes; a longer path goes through the directory's descriptor.
async fn dial(socket: &Path) -> io::Result<UnixStream> {
    if socket.as_os_str().len() < 108 {
        return UnixStream::connect(socket).await;
    }
    let (Some(dir), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let open = std::fs::File::open(dir)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open))).join(name);
    UnixStream::connect(short).await
}

fn unreachable(dir: &Path, socket: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            Failure::not_ready(format!("the node in {} is not running", dir.display()))
                .next(format!("start it with `varde-node --dir {}`, then try again", dir.display()))
                .reason("not-running")
        }
        ErrorKind::PermissionDenied => owner::denied(socket),
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
            Failure::not_ready(format!("the node in {} closed the connection at once", dir.display()))
                .means("it is about to stop, or it does not serve the user that you are; nothing was done")
                .next("try again; if it stays so, see what varde-node says")
                .reason("closed-at-once")
        }
        _ => Failure::ours(format!("cannot reach {}: {error}", socket.display())),
    }
}

fn silent(dir: &Path, patience: Duration) -> Failure {
    Failure::not_ready(format!("the node in {} does not answer", dir.display()))
        .means(format!(
            "its process took the connection and said nothing for {patience:?}: it was stopped or hangs, or the machine is \
             overloaded. Nothing was asked of it, so nothing was done"
        ))
        .next("look at its process: resume it (`kill -CONT PID`), or end it and start it again; nothing acknowledged is lost")
        .reason("no-answer")
}
