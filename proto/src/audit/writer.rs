//! Writing a bundle: leaves, heads and proofs go in one after another, files come out as they are full. What is held at
//! once is one packed file of each sort, a line of `FILES` for each file, and one hash for each 256 leaves and level.

use super::layout::{
    self, Listed, Manifest, Scope, manifest_key_name, packed, receipts_folder, sent_folder, write_list,
};
use super::source::BundleSink;
use crate::envelope::{self, Envelope};
use crate::id::{Digest, Origin, TreeSize};
use crate::identity::armor::{self, Label};
use crate::identity::{Genesis, SecretKey};
use crate::limits::TILE_WIDTH;
use crate::log::fork::Claim;
use crate::log::frontier::Frontier;
use crate::log::head::Head;
use crate::log::leaf::{Entry, Opening};
use crate::log::note::{BadNote, Note};
use crate::log::tiles::{Tile, TileKind, write_bundle};
use prost::Message;
use std::collections::BTreeMap;

/// Why a bundle is not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten<E> {
    /// A file could not be written.
    #[error("the bundle could not be written: {0}")]
    Sink(E),
    /// Something over 65,535 bytes, which no packed file holds.
    #[error("a {0} is too large for a bundle")]
    TooLarge(&'static str),
    /// What was given contradicts itself: leaves, heads or proofs out of order, or a last head that is not of the leaves.
    #[error("the bundle's {0} is out of order")]
    Order(&'static str),
    /// The manifest could not be signed.
    #[error(transparent)]
    Manifest(#[from] BadNote),
}

/// A file being filled with up to 256 things.
#[derive(Debug, Default)]
struct Pack {
    number: u64,
    things: Vec<Vec<u8>>,
}

impl Pack {
    /// Puts a thing into its place; what was skipped is empty.
    fn place(&mut self, slot: u64, thing: Vec<u8>) {
        self.things.resize((slot % layout::PACK) as usize, Vec::new());
        self.things.push(thing);
    }
}

/// A bundle being written.
#[derive(Debug)]
pub struct Writer<S> {
    sink: S,
    scope: Scope,
    origin: Origin,
    files: BTreeMap<String, Listed>,
    entries: Vec<Vec<u8>>,
    openings: Vec<Vec<u8>>,
    envelopes: Pack,
    decisions: Pack,
    levels: Vec<Vec<Digest>>,
    tiles: Vec<u64>,
    tree: Frontier,
    heads: Pack,
    newest: Option<Head>,
    proofs: Option<(String, u64, Pack)>,
    pending: Option<(Digest, Vec<u8>)>,
}

type Written<S> = Result<(), NotWritten<<S as BundleSink>::Error>>;

impl<S: BundleSink> Writer<S> {
    /// Begins a bundle of a log with its genesis.
    pub fn new(sink: S, scope: Scope, genesis: &Envelope, origin: &Origin) -> Result<Self, NotWritten<S::Error>> {
        let mut writer = Self {
            sink,
            scope,
            origin: origin.clone(),
            files: BTreeMap::new(),
            entries: Vec::new(),
            openings: Vec::new(),
            envelopes: Pack::default(),
            decisions: Pack::default(),
            levels: Vec::new(),
            tiles: Vec::new(),
            tree: Frontier::default(),
            heads: Pack::default(),
            newest: None,
            proofs: None,
            pending: None,
        };
        match Genesis::open(genesis) {
            Ok(read) if read.origin() == origin => {}
            _ => return Err(NotWritten::Order("genesis")),
        }
        writer.file(layout::GENESIS, armor::encode(Label::Genesis, genesis).as_bytes())?;
        Ok(writer)
    }

    /// The changes of the log's keys, as [`crate::identity::History::write`] writes them; nothing where there are none.
    pub fn key_statements(&mut self, text: &str) -> Written<S> {
        if text.is_empty() { Ok(()) } else { self.file(layout::STATEMENTS, text.as_bytes()) }
    }

    /// The policy in force.
    pub fn policy(&mut self, text: &str) -> Written<S> {
        self.file(layout::POLICY, text.as_bytes())
    }

    /// The text of an agreement.
    pub fn agreement(&mut self, text: &str) -> Written<S> {
        self.file(&format!("{}/{}", layout::AGREEMENTS, Digest::of(text.as_bytes())), text.as_bytes())
    }

    /// The proof that a log was forked: its two notes, each a file that any program for C2SP's notes reads.
    pub fn fork(&mut self, proof: &Claim) -> Written<S> {
        let folder = layout::fork_folder(&Digest::of(&proof.write()));
        let [one, other] = proof.notes();
        self.file(&format!("{folder}/1"), one.write().as_bytes())?;
        self.file(&format!("{folder}/2"), other.write().as_bytes())
    }

    /// The newest verified head of another log, as a note, if the scope is about it.
    pub fn witnessed(&mut self, origin: &Origin, note: &[u8]) -> Written<S> {
        if !self.scope.concerns(origin) {
            return Ok(());
        }
        self.file(&format!("{}/{origin}", layout::WITNESSED), note)
    }

    /// The next leaf, with what is still there of it: its opening, and the envelope that is kept under its index. Both are
    /// left out again where the scope does not show them; an envelope then stands at the first shown leaf that names it.
    pub fn leaf(&mut self, entry: &Entry, opening: Option<&Opening>, envelope: Option<&Envelope>) -> Written<S> {
        let index = self.tree.size().0;
        if let Some(envelope) = envelope {
            self.pending = Some((envelope::digest(envelope), envelope.encode_to_vec()));
        }
        let shown = opening.filter(|opening| self.scope.shows(opening.event()));
        if let Some(opening) = shown
            && self.pending.as_ref().is_some_and(|(object, _)| *object == opening.event().object)
            && let Some((_, bytes)) = self.pending.take()
        {
            self.place_envelope(index, bytes)?;
        }
        self.entries.push(entry.bytes().to_vec());
        self.openings.push(shown.map(|opening| opening.bytes().to_vec()).unwrap_or_default());
        self.tree.push(entry.leaf_hash());
        self.hash(0, entry.leaf_hash())?;
        if self.entries.len() as u64 == TILE_WIDTH { self.leaves(index / TILE_WIDTH) } else { Ok(()) }
    }

    /// A signed head of this log; in order of size, the last one covering all leaves.
    pub fn head(&mut self, head: &Head) -> Written<S> {
        if self.newest.as_ref().is_some_and(|newest| newest.size() >= head.size()) || *head.origin() != self.origin {
            return Err(NotWritten::Order("heads"));
        }
        self.newest = Some(head.clone());
        self.heads.things.push(head.write().into_bytes());
        if self.heads.things.len() as u64 == layout::PACK { self.flush_heads() } else { Ok(()) }
    }

    /// A receipt held: channels one after another, in each by ascending number.
    pub fn receipt(&mut self, peer: &Origin, class: u8, seq: u64, proof: &[u8]) -> Written<S> {
        self.proof(peer, receipts_folder(peer, class), seq, proof)
    }

    /// The sender's proof of an item taken: channels one after another, in each by ascending number.
    pub fn sent(&mut self, peer: &Origin, class: u8, seq: u64, proof: &[u8]) -> Written<S> {
        self.proof(peer, sent_folder(peer, class), seq, proof)
    }

    fn proof(&mut self, peer: &Origin, folder: String, seq: u64, proof: &[u8]) -> Written<S> {
        if !self.scope.concerns(peer) {
            return Ok(());
        }
        let slot = seq.checked_sub(1).ok_or(NotWritten::Order("proofs"))?;
        match &self.proofs {
            Some((same, last, _)) if *same == folder && seq <= *last => return Err(NotWritten::Order("proofs")),
            Some((same, _, pack)) if *same == folder && pack.number == slot / layout::PACK => {}
            _ => {
                self.flush_proofs()?;
                let pack = Pack { number: slot / layout::PACK, things: Vec::new() };
                self.proofs = Some((folder, 0, pack));
            }
        }
        if let Some((_, last, pack)) = &mut self.proofs {
            *last = seq;
            pack.place(slot, proof.to_vec());
        }
        Ok(())
    }

    /// What opens the sharing decision that a `sent` leaf names; by ascending index. Only a national bundle shows it.
    pub fn decision(&mut self, index: u64, opening: &[u8]) -> Written<S> {
        if self.scope != Scope::National {
            return Ok(());
        }
        if index / layout::PACK != self.decisions.number {
            self.flush_decisions()?;
            self.decisions.number = index / layout::PACK;
        }
        self.decisions.place(index, opening.to_vec());
        Ok(())
    }

    /// Writes what is left, the list and the manifest, signed by K_msg; returns the sink.
    pub fn finish(mut self, message_key: &SecretKey) -> Result<S, NotWritten<S::Error>> {
        let newest = self.newest.take().ok_or(NotWritten::Order("heads"))?;
        if newest.size() != self.tree.size() || newest.root() != self.tree.root() {
            return Err(NotWritten::Order("heads"));
        }
        self.file(layout::CHECKPOINT, newest.write().as_bytes())?;
        if !self.entries.is_empty() {
            self.leaves(self.tree.size().0 / TILE_WIDTH)?;
        }
        for level in 0..self.levels.len() {
            if !self.levels[level].is_empty() {
                self.tile(level)?;
            }
        }
        self.flush_envelopes()?;
        self.flush_decisions()?;
        self.flush_heads()?;
        self.flush_proofs()?;
        self.seal(newest.size(), message_key)?;
        Ok(self.sink)
    }

    fn seal(&mut self, size: TreeSize, key: &SecretKey) -> Written<S> {
        let list = write_list(&self.files);
        let manifest = Manifest {
            origin: self.origin.clone(),
            size,
            scope: self.scope,
            from: 0,
            to: size.0,
            files: self.files.len() as u64,
            list: Digest::of(list.as_bytes()),
        };
        let mut note = Note::new(&manifest.text())?;
        note.sign(&manifest_key_name(&self.origin), key)?;
        self.sink.write(layout::FILES, list.as_bytes()).map_err(NotWritten::Sink)?;
        self.sink.write(layout::MANIFEST, note.write().as_bytes()).map_err(NotWritten::Sink)
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> Written<S> {
        let listed = Listed { digest: Digest::of(bytes), size: bytes.len() as u64 };
        if self.files.insert(path.to_owned(), listed).is_some() {
            return Err(NotWritten::Order("files"));
        }
        self.sink.write(path, bytes).map_err(NotWritten::Sink)
    }

    fn packed(&mut self, path: &str, things: &[Vec<u8>], what: &'static str) -> Written<S> {
        let bytes = write_bundle(things.iter().map(Vec::as_slice)).ok_or(NotWritten::TooLarge(what))?;
        self.file(path, &bytes)
    }

    /// The entries and openings of one tile.
    fn leaves(&mut self, number: u64) -> Written<S> {
        let (entries, openings) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.openings));
        let tile = Tile::new(TileKind::Entries, number, entries.len() as u16).ok_or(NotWritten::Order("leaves"))?;
        self.packed(&tile.path(), &entries, "entry")?;
        if openings.iter().all(Vec::is_empty) {
            return Ok(());
        }
        self.packed(&packed(layout::OPENINGS, number), &openings, "opening")
    }

    fn place_envelope(&mut self, index: u64, bytes: Vec<u8>) -> Written<S> {
        if index / layout::PACK != self.envelopes.number {
            self.flush_envelopes()?;
            self.envelopes.number = index / layout::PACK;
        }
        self.envelopes.place(index, bytes);
        Ok(())
    }

    fn flush_decisions(&mut self) -> Written<S> {
        let Pack { number, things } = std::mem::take(&mut self.decisions);
        if things.is_empty() {
            return Ok(());
        }
        self.packed(&packed(layout::DECISIONS, number), &things, "decision")
    }

    fn flush_envelopes(&mut self) -> Written<S> {
        let Pack { number, things } = std::mem::take(&mut self.envelopes);
        if things.is_empty() {
            return Ok(());
        }
        self.packed(&packed(layout::ENVELOPES, number), &things, "envelope")
    }

    fn flush_heads(&mut self) -> Written<S> {
        let Pack { number, things } = std::mem::take(&mut self.heads);
        self.heads.number = number + 1;
        if things.is_empty() {
            return Ok(());
        }
        self.packed(&packed(layout::CHECKPOINTS, number), &things, "head")
    }

    fn flush_proofs(&mut self) -> Written<S> {
        match self.proofs.take() {
            Some((folder, _, Pack { number, things })) if !things.is_empty() => {
                self.packed(&packed(&folder, number), &things, "proof")
            }
            _ => Ok(()),
        }
    }

    /// Adds a hash to a level of tiles; a full tile is written, and its root goes one level up.
    fn hash(&mut self, level: usize, hash: Digest) -> Written<S> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
            self.tiles.push(0);
        }
        self.levels[level].push(hash);
        if (self.levels[level].len() as u64) < TILE_WIDTH {
            return Ok(());
        }
        let mut root = Frontier::default();
        self.levels[level].iter().for_each(|hash| root.push(*hash));
        self.tile(level)?;
        self.hash(level + 1, root.root())
    }

    fn tile(&mut self, level: usize) -> Written<S> {
        let hashes = std::mem::take(&mut self.levels[level]);
        let number = self.tiles[level];
        self.tiles[level] += 1;
        let kind = TileKind::Hashes(level as u8);
        let tile = Tile::new(kind, number, hashes.len() as u16).ok_or(NotWritten::Order("tiles"))?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        self.file(&tile.path(), &bytes)
    }
}
