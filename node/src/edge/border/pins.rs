//! Whom this node knows: the descriptors in `DIR/peers`, read again when the folder changes. A pin added or removed by
//! `varde peer` is taken up within a second; a connection whose pin changed is closed.

use super::promises::{self, Promises};
use crate::edge::disk;
use crate::port::Clock;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use varde_proto::agreement::Agreement;
use varde_proto::home;
use varde_proto::id::NodeId;
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{Acceptance, Descriptor, Genesis, History, PublicKey, Roster, Validity};
use varde_proto::limits;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Envelope;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A pinned peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// Its verified descriptor.
    pub descriptor: Descriptor,
    /// The descriptor as it was signed, for the log.
    pub envelope: Envelope,
    /// What members of our staff signed when its log went on under a new generation.
    pub accepted: Vec<Envelope>,
    /// Our own signed yes to the default agreement with it; none when the file is missing.
    pub acceptance: Option<Envelope>,
    /// What else we signed of agreements with it.
    pub words: Vec<Envelope>,
    /// Their texts.
    pub texts: Vec<Arc<Agreement>>,
    /// Its keys, as far as it told us.
    pub keys: Arc<History>,
    /// Those that authenticate its connections now.
    pub tls: Vec<PublicKey>,
}

impl Peer {
    /// Its country.
    pub fn node(&self) -> NodeId {
        self.descriptor.node()
    }
}

/// All pinned peers at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pins {
    peers: BTreeMap<NodeId, Arc<Peer>>,
    roster: Roster,
}

impl Pins {
    /// The peer of a country.
    pub fn get(&self, node: NodeId) -> Option<&Arc<Peer>> {
        self.peers.get(&node)
    }

    /// The peer whose connections a key authenticates.
    pub fn by_tls_key(&self, key: &PublicKey) -> Option<&Arc<Peer>> {
        self.peers.values().find(|peer| peer.tls.contains(key))
    }

    /// Every peer, in the order of the countries.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values()
    }

    /// Who holds which key: this node and its peers.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }
}

/// Why a descriptor in the folder is not taken up. The others are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPinned {
    /// It cannot be read, or breaks a rule.
    #[error("{0}")]
    Bad(String),
    /// Expired, or not yet valid.
    #[error("its descriptor is not valid now")]
    Validity,
    /// Of another network or mode, or this node's own.
    #[error("it is not a peer of this node: another network or mode, or this node itself")]
    NotAPeer,
    /// Its file name is not its country.
    #[error("the file's name is not its country")]
    Name,
}

/// Keeps the pins up to date until the receivers are gone.
pub(crate) struct Watcher {
    dir: PathBuf,
    folder: PathBuf,
    genesis: Genesis,
    clock: Arc<dyn Clock>,
    seen: Seen,
    sender: watch::Sender<Arc<Pins>>,
}

/// What the folder looked like, and when a descriptor in it next begins or ends.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    files: Vec<Mark>,
    promises: Vec<Mark>,
    until: Timestamp,
}

/// What tells whether a file changed: it is replaced by renaming, so its inode does.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) name: String,
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl Watcher {
    /// Reads the folder for the first time.
    pub(crate) fn new(dir: &Path, genesis: Genesis, clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Arc<Pins>>) {
        let (sender, receiver) = watch::channel(Arc::new(Pins::default()));
        let folder = dir.join(home::PEERS);
        let mut watcher = Self { dir: dir.to_owned(), folder, genesis, clock, seen: Seen::default(), sender };
        watcher.look();
        (watcher, receiver)
    }

    /// Looks once a second, for ever.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look();
        }
    }

    /// Reads the folder again if it changed, or if a descriptor's validity began or ended.
    fn look(&mut self) {
        let looked = list(&self.folder, &SUFFIXES)
            .and_then(|files| Ok((files, list(&self.dir.join(home::AGREEMENTS), &promises::SUFFIXES)?)));
        let (files, promises) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "the folders of pins and agreements cannot be read; the pins stay as they are");
                return;
            }
        };
        let now = self.clock.now();
        if files == self.seen.files && promises == self.seen.promises && now < self.seen.until {
            return;
        }
        let said = Promises::read(&self.dir, &promises, &self.genesis);
        let (pins, until) = self.read(&files, &said, now);
        self.seen = Seen { files, promises, until };
        self.sender.send_if_modified(|current| {
            let changed = **current != pins;
            if changed {
                *current = Arc::new(pins);
            }
            changed
        });
    }

    fn read(&self, files: &[Mark], said: &Promises, now: Timestamp) -> (Pins, Timestamp) {
        let mut pins = Pins::default();
        let mut until = Timestamp::MAX;
        if let Err(error) = pins.roster.enter_genesis(&self.genesis) {
            tracing::error!(%error, "this node's own keys contradict each other");
        }
        for Mark { name, .. } in files.iter().filter(|f| f.name.ends_with(home::DESCRIPTOR_SUFFIX)) {
            match self.read_one(name, said, now, &mut until).and_then(|peer| pins.take(peer)) {
                Ok(()) => {}
                Err(error) => tracing::warn!(file = %name, %error, "a descriptor is not taken up"),
            }
            if pins.peers.len() >= limits::PEERS {
                tracing::warn!(bound = limits::PEERS, "there are more descriptors than a node can have peers");
                break;
            }
        }
        (pins, until)
    }

    fn read_one(&self, name: &str, said: &Promises, now: Timestamp, until: &mut Timestamp) -> Result<Peer, NotPinned> {
        let text = read_bounded(&self.folder.join(name))?;
        let envelope = armor::decode(Label::Descriptor, &text).map_err(|e| NotPinned::Bad(e.to_string()))?;
        let descriptor = Descriptor::open(&envelope).map_err(|e| NotPinned::Bad(e.to_string()))?;
        if name != format!("{}{}", descriptor.node(), home::DESCRIPTOR_SUFFIX) {
            return Err(NotPinned::Name);
        }
        let ours = self.genesis.origin();
        let foreign = descriptor.origin().network() != ours.network() || descriptor.mode() != self.genesis.mode();
        if foreign || descriptor.node() == ours.node() {
            return Err(NotPinned::NotAPeer);
        }
        match descriptor.validity(now) {
            Validity::Valid => {}
            Validity::EndsSoon => {
                tracing::warn!(peer = %descriptor.node(), until = %descriptor.not_after(), "a pin ends within 60 days");
            }
            Validity::NotYet => {
                *until = (*until).min(descriptor.not_before());
                return Err(NotPinned::Validity);
            }
            Validity::Expired => return Err(NotPinned::Validity),
        }
        *until = (*until).min(descriptor.not_after().after(Duration::from_millis(1)));
        let acceptance = self.read_acceptance(&descriptor);
        let keys = Arc::new(self.read_history(&descriptor));
        let accepted = keys.tls(now);
        *until = accepted.iter().map(|(_, until)| *until).fold(*until, Timestamp::min);
        let tls = accepted.into_iter().map(|(key, _)| key).collect();
        let accepted = self.read_accepted(&descriptor);
        let (words, texts) = said.with(descriptor.node());
        Ok(Peer { descriptor, envelope, accepted, acceptance, words, texts, keys, tls })
    }

    /// What the peer said of its keys, unless its descriptor says more.
    fn read_history(&self, descriptor: &Descriptor) -> History {
        let pinned = History::pinned(descriptor);
        let path = self.folder.join(format!("{}{}", descriptor.node(), home::HISTORY_SUFFIX));
        let Ok(file) = fs::File::open(&path) else { return pinned };
        let mut text = String::new();
        let read = io::Read::read_to_string(&mut io::Read::take(file, limits::KEY_HISTORY_BYTES as u64 + 1), &mut text);
        let history = read.ok().and_then(|_| History::read_whole(&text).ok());
        match history.filter(|history| history.continues(&pinned)) {
            Some(history) => history,
            None => {
                tracing::warn!(peer = %descriptor.node(), "what is kept of its keys does not fit its descriptor, which counts");
                pinned
            }
        }
    }

    /// What staff signed about this descriptor; whether that is enough, `flow` judges.
    fn read_accepted(&self, descriptor: &Descriptor) -> Vec<Envelope> {
        let read = |name: String| {
            let name = name.strip_prefix(home::PEERS)?.strip_prefix('/')?.to_owned();
            armor::decode(Label::Act, &read_bounded(&self.folder.join(name)).ok()?).ok()
        };
        let generation = descriptor.origin().generation();
        [1, 2].into_iter().filter_map(|place| read(home::accepted(descriptor.node(), generation, place))).collect()
    }

    fn read_acceptance(&self, descriptor: &Descriptor) -> Option<Envelope> {
        let name = format!("{}{}", descriptor.node(), home::ACCEPTANCE_SUFFIX);
        let text = read_bounded(&self.folder.join(name)).ok()?;
        let read = Acceptance::open_text(&text, self.genesis.keys().id());
        let (acceptance, envelope) = read
            .inspect_err(|error| tracing::warn!(peer = %descriptor.node(), %error, "our own acceptance is refused"))
            .ok()?;
        let ours = acceptance.from == *self.genesis.origin() && acceptance.mode == self.genesis.mode();
        (ours && acceptance.with == *descriptor.origin()).then_some(envelope)
    }
}

impl Pins {
    pub(super) fn take(&mut self, peer: Peer) -> Result<(), NotPinned> {
        let mut roster = self.roster.clone();
        roster.enter_roster(peer.keys.roster()).map_err(|e| NotPinned::Bad(e.to_string()))?;
        self.roster = roster;
        self.peers.insert(peer.node(), Arc::new(peer));
        Ok(())
    }
}

/// How the names of the files of pins end.
const SUFFIXES: [&str; 4] =
    [home::DESCRIPTOR_SUFFIX, home::ACCEPTANCE_SUFFIX, home::HISTORY_SUFFIX, home::ACCEPTED_SUFFIX];

/// The files that count, in the order of their names; none where there is no such folder.
fn list(folder: &Path, suffixes: &[&str]) -> io::Result<Vec<Mark>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
        if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            files.push(Mark {
                name,
                inode: meta.ino(),
                bytes: meta.len(),
                changed_s: meta.mtime(),
                changed_ns: meta.mtime_nsec(),
            });
        }
    }
    files.sort();
    Ok(files)
}

fn read_bounded(path: &Path) -> Result<String, NotPinned> {
    let bytes = disk::read_bounded(path, limits::ARMOR_BYTES).map_err(|e| NotPinned::Bad(e.to_string()))?;
    String::from_utf8(bytes).map_err(|_| NotPinned::Bad("it is not a text".into()))
}
