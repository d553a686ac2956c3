//! The border of a country of a test: real TLS under keys that follow from its name, real pins in a real folder, and whatever carries
//! its bytes.

use super::{Ground, descriptor_with, genesis, key};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use varde_node::edge::border::{Arrivals, Border, BorderError, Setup, Sockets};
use varde_proto::home::{self, ConnectionLimits};
use varde_proto::id::NodeId;
use varde_proto::identity::{Endpoint, armor};

/// Where every country listens.
pub const PORT: u16 = 8443;

/// The name under which a country is reached.
pub fn name(country: &str) -> String {
    format!("{}.varde.example", country.to_lowercase())
}

/// Writes the folder of pins of a country in `dir`: all these, where their names lead.
pub fn pin<'a>(dir: &Path, others: impl Iterator<Item = &'a str>) -> std::io::Result<()> {
    std::fs::create_dir_all(dir.join(home::PEERS))?;
    for other in others {
        let endpoint = Endpoint::parse(&format!("{}:{PORT}", name(other))).expect("an endpoint");
        let text = armor::encode(armor::Label::Descriptor, &descriptor_with(other, Some(endpoint)));
        std::fs::write(dir.join(home::descriptor(NodeId::parse(other).expect("a country"))), text)?;
    }
    Ok(())
}

/// Opens the border of a country whose pins are in `dir`.
pub async fn open(
    dir: &Path,
    country: &str,
    ground: &Ground,
    sockets: Arc<dyn Sockets>,
) -> Result<(Border, Arrivals), BorderError> {
    let setup = Setup {
        dir,
        genesis: &genesis(country),
        tls: watch::channel(Arc::new(key(country, 5))).1,
        listen: ([0, 0, 0, 0], PORT).into(),
        sockets,
        limits: ConnectionLimits::default(),
        heartbeat: ground.heartbeat,
        clock: ground.clock.clone(),
        entropy: ground.entropy.clone(),
    };
    Border::open(setup).await
}
