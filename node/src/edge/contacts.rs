//! What runs between the border and `flow`: each link gets its connection, each refusal its line in the journal, each change
//! of pins its leaf in the log; and how each peer is reached, for people.

use super::border::{self, Arrivals, Link, Pins, Refused};
use super::disk;
use crate::flow::connection::{self, Ended};
use crate::flow::journal::Of;
use crate::flow::ledger::CommitError;
use crate::flow::{Node, agreement, succession};
use crate::port::{self, Board, Peer, Peers, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use varde_proto::agreement::Agreement;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::Frame;
use varde_proto::home;
use varde_proto::id::NodeId;
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{History, Role};
use varde_proto::time::Timestamp;

/// Frames that wait between the wire and `flow`.
const WAITING: usize = 4;
/// How long a new pin may take until the log names it.
const TAKEN_UP: Duration = Duration::from_secs(10);
/// How long the last frames have to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a peer was last reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Connections that stand now.
    pub connections: u32,
    /// When its last frame came.
    pub last_heard: Option<Timestamp>,
    /// Code of why the last connection ended, or was not made, and when.
    pub last_failure: Option<(String, Timestamp)>,
}

/// How every peer was last reached.
#[derive(Debug, Default)]
pub struct Contacts(Mutex<BTreeMap<NodeId, Contact>>);

impl Contacts {
    /// A peer's.
    pub fn of(&self, peer: NodeId) -> Contact {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned().unwrap_or_default()
    }

    fn change(&self, peer: NodeId, change: impl FnOnce(&mut Contact)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(peer).or_default());
    }
}

/// Attends, in `tasks`, to all that comes from the border.
pub fn attend(
    tasks: &mut JoinSet<()>,
    node: &Arc<Node>,
    contacts: &Arc<Contacts>,
    arrivals: Arrivals,
    peers: watch::Sender<Arc<Peers>>,
) {
    let Arrivals { links, refused, pins } = arrivals;
    tasks.spawn(follow_pins(node.clone(), pins, peers));
    tasks.spawn(keep_journal(node.clone(), contacts.clone(), refused));
    tasks.spawn(run_links(node.clone(), contacts.clone(), links));
}

/// Keeps the pinned peers as `flow` sees them, and the log's word about them, in step with the border's pins.
async fn follow_pins(node: Arc<Node>, mut pins: watch::Receiver<Arc<Pins>>, peers: watch::Sender<Arc<Peers>>) {
    loop {
        let now: Peers = pins.borrow_and_update().iter().filter_map(|p| Some((p.node(), as_flow_sees(p)?))).collect();
        let now = match admit(&node, &Arc::new(now)).await {
            Ok(now) => now,
            Err(failure) => {
                tracing::error!(%failure, "whose log goes on under which name could not be read");
                return;
            }
        };
        match agreement::log_roster(&node, &now).await {
            Ok(()) => drop(peers.send_replace(now)),
            // A node that was restored asks its peers before it logs anything; then the roster is logged.
            Err(CommitError::Refused(StoreError::Locked)) => {
                peers.send_replace(now);
                let mut locked = node.ledger.locked();
                tokio::select! {
                    changed = pins.changed() => if changed.is_err() { return },
                    _ = locked.wait_for(|locked| !locked) => {}
                }
                continue;
            }
            Err(CommitError::Refused(failure)) => tracing::error!(%failure, "the roster could not be logged"),
            Err(CommitError::Stopped) => return,
        }
        if pins.changed().await.is_err() {
            return;
        }
    }
}

/// Leaves out who is not to be dealt with under the log that the pin names, and says so.
async fn admit(node: &Node, pinned: &Arc<Peers>) -> Result<Arc<Peers>, StoreError> {
    let (admitted, refused) = succession::admitted(node, pinned)?;
    for (country, why) in refused {
        tracing::error!(peer = country.as_str(), %why, "a pin names another log of a country than is known, and is not taken up");
        node.journal.note(&node.ledger, node.clock.now(), &why.to_string(), country.as_str(), Of::Peer(country)).await;
    }
    Ok(admitted)
}

/// A peer without our acceptance of the agreement is pinned, but nothing is exchanged with it.
fn as_flow_sees(pin: &border::Peer) -> Option<Arc<Peer>> {
    let descriptor = &pin.descriptor;
    Some(Arc::new(Peer {
        origin: descriptor.origin().clone(),
        id_key: *descriptor.key(Role::Id)?,
        keys: pin.keys.clone(),
        descriptor: pin.envelope.clone(),
        words: [pin.acceptance.clone()?].into_iter().chain(pin.words.iter().cloned()).collect(),
        texts: pin.texts.clone(),
        accepted: pin.accepted.clone(),
    }))
}

/// Keeps what peers say of their keys in the folder of pins, where the border takes it up.
pub struct Folder(PathBuf);

impl Folder {
    /// Of a node's directory.
    pub fn of(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl Board for Folder {
    fn keep(&self, history: &History) -> Result<(), StoreError> {
        match history.write_whole() {
            Some(text) => disk::replace(&self.0.join(home::history(history.origin().node())), text.as_bytes()),
            None => Ok(()),
        }
    }

    fn promised(&self, agreement: &Agreement, peer: NodeId, word: &Envelope, ends: bool) -> Result<(), StoreError> {
        let path = self.0.join(home::peers_word(&agreement.id(), peer, ends));
        if path.exists() {
            return Ok(());
        }
        disk::make_dir(&self.0.join(home::AGREEMENTS))?;
        let label = if ends { Label::Revocation } else { Label::Acceptance };
        disk::replace(&self.0.join(home::agreement(&agreement.id())), agreement.text().as_bytes())?;
        disk::replace(&path, armor::encode(label, word).as_bytes())
    }
}

/// Writes each refusal of the border into the journal.
pub async fn keep_journal(node: Arc<Node>, contacts: Arc<Contacts>, mut refused: mpsc::Receiver<Refused>) {
    while let Some(refused) = refused.recv().await {
        let (code, now) = (refused.code.name(), node.clock.now());
        let who = match refused.peer {
            Some(peer) => {
                contacts.change(peer, |contact| contact.last_failure = Some((code.to_owned(), now)));
                peer.to_string()
            }
            None => refused.remote.map_or_else(|| "unknown".to_owned(), |remote| remote.to_string()),
        };
        if refused.code.is_notable() {
            let of = refused.peer.map_or(Of::Stranger, Of::Peer);
            node.journal.note(&node.ledger, now, code, &who, of).await;
        }
    }
}

/// Gives each link its connection.
pub async fn run_links(node: Arc<Node>, contacts: Arc<Contacts>, mut links: mpsc::Receiver<Link>) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            link = links.recv() => match link {
                Some(link) => drop(running.spawn(run_link(node.clone(), contacts.clone(), link))),
                None => break,
            },
            Some(_) = running.join_next() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// The peer of a country, once the log names it.
async fn pinned(node: &Node, country: NodeId) -> Option<Arc<Peer>> {
    let mut peers = node.peers.clone();
    let known = peers.wait_for(|peers| peers.contains_key(&country)).await.ok()?;
    known.get(&country).cloned()
}

async fn run_link(node: Arc<Node>, contacts: Arc<Contacts>, link: Link) {
    let country = link.peer.node();
    // Nothing is exchanged under a pin that the log does not name yet.
    let Ok(Some(peer)) = tokio::time::timeout(TAKEN_UP, pinned(&node, country)).await else { return };
    contacts.change(country, |contact| contact.connections += 1);
    let Link { outgoing: to_wire, incoming: mut from_wire, fate: _fate, .. } = link;
    let (outgoing, mut frames) = mpsc::channel::<Frame>(WAITING);
    let (give, incoming) = mpsc::channel(WAITING);
    let out = async move {
        while let Some(frame) = frames.recv().await {
            if to_wire.send(frame.into_wire()).await.is_err() {
                return;
            }
        }
    };
    let heard = (node.clone(), contacts.clone());
    let back = async move {
        while let Some(frame) = from_wire.recv().await {
            let (node, contacts) = &heard;
            contacts.change(country, |contact| contact.last_heard = Some(node.clock.now()));
            if give.send(Frame::from_wire(frame)).await.is_err() {
                return;
            }
        }
    };
    let (out, back) = (tokio::spawn(out), tokio::spawn(back));
    let ended = connection::run(node.clone(), peer, port::Link { outgoing, incoming }).await;
    back.abort();
    // What was still to be said, a refusal above all, goes out before the link is let go.
    let _ = tokio::time::timeout(FAREWELL, out).await;
    let now = node.clock.now();
    contacts.change(country, |contact| {
        contact.connections = contact.connections.saturating_sub(1);
        if !matches!(ended, Ended::Closed | Ended::Goodbye(_) | Ended::KeysChanged | Ended::AgreementChanged) {
            contact.last_failure = Some((ended.to_string(), now));
        }
    });
    tracing::info!(peer = country.as_str(), why = %ended, "connection ended");
    let refused = matches!(&ended, Ended::Refused(code) if !["superseded", "pin-changed", "agreement-changed"].contains(&code.as_str()));
    if ended.is_suspicious() || refused {
        node.journal
            .note(&node.ledger, node.clock.now(), &ended.to_string(), country.as_str(), Of::Peer(country))
            .await;
    }
}
