//! The connection to the own node: gRPC over `DIR/run/operator.sock`. There is no other address.

use crate::context::Context;
use crate::failure::Failure;
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// Connects to the node of `--dir`; a node that is not running is a failure that says how to start it.
pub(crate) async fn connect(context: &Context) -> Result<Channel, Failure> {
    let dir = context.node_dir()?;
    let socket = dir.join("run").join("operator.sock");
    // A first, plain connection tells the reasons apart, which tonic folds into one.
    drop(dial(&socket).await.map_err(|e| unreachable(dir, &socket, &e))?);
    let path = socket.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { dial(&path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://node.invalid")
        .connect_with_connector(connector)
        .await
        .map_err(|e| Failure::ours(format!("no conversation with the node at {}: {e}", socket.display())))
}

/// A socket's address is at most 107 bytes; a longer path goes through the directory's descriptor.
async fn dial(socket: &Path) -> std::io::Result<UnixStream> {
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

fn unreachable(dir: &Path, socket: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            Failure::not_ready(format!("the node in {} is not running", dir.display()))
                .next(format!("start it with `varde-node --dir {}`, then try again", dir.display()))
                .reason("not-running")
        }
        ErrorKind::PermissionDenied => Failure::refused(format!("{} does not let you in", socket.display()))
            .means("only the user that runs the node, and root, may give it orders")
            .next("run this command as that user")
            .reason("not-your-node"),
        _ => Failure::ours(format!("cannot reach {}: {error}", socket.display())),
    }
}
