//! The files of a bundle as they were signed: nothing is looked at before it is known to be what the list says.

use super::codes;
use super::crew::Crew;
use super::finding::{Finding, Findings};
use super::layout::{self, Listed, Manifest, manifest_key_name, read_list};
use super::source::{BundleSource, Unreadable};
use crate::envelope::Envelope;
use crate::id::Digest;
use crate::identity::armor::{self, Label};
use crate::identity::{Genesis, History, Role};
use crate::limits;
use crate::log::note::Note;
use crate::log::tiles::read_bundle;
use crate::log::vkey::{KeyMaterial, Vkey};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A bundle whose manifest and list are signed by the node of its genesis.
pub(super) struct Files<'s> {
    source: &'s dyn BundleSource,
    /// Who does the checks of what is read.
    pub(super) crew: &'s dyn Crew,
    unread: BTreeMap<String, Listed>,
    lost: BTreeSet<String>,
    /// What the bundle says it is.
    pub(super) manifest: Manifest,
    /// The genesis that it brings; it vouches for itself only.
    pub(super) genesis: Genesis,
    /// The genesis as leaf 0 should name it.
    pub(super) genesis_digest: Digest,
    /// The log's keys from its genesis on, as the bundle shows them.
    pub(super) history: Arc<History>,
}

/// Bytes of a manifest's note and of an armoured genesis.
const PAGE_BYTES: u64 = 64 * 1024;
/// Bytes of `FILES`: half a million lines.
const LIST_BYTES: u64 = 64 * 1024 * 1024;

impl<'s> Files<'s> {
    /// Reads genesis, manifest and list. Without them there is nothing to verify, and the findings say why.
    pub(super) fn open(
        source: &'s dyn BundleSource,
        crew: &'s dyn Crew,
        out: &mut Findings,
    ) -> Result<Option<Self>, Unreadable> {
        let Some((genesis, envelope)) = read_genesis(source, out)? else { return Ok(None) };
        let genesis_digest = crate::envelope::digest(&envelope);
        out.about(genesis.origin());
        let history = Arc::new(read_keys(source, &genesis, &envelope, out)?);
        let Some(manifest) = read_manifest(source, &history, out)? else { return Ok(None) };
        let list = source.read(layout::FILES, LIST_BYTES)?;
        let listed = list.as_deref().filter(|list| Digest::of(list) == manifest.list);
        let listed = listed.and_then(|list| std::str::from_utf8(list).ok()).and_then(read_list);
        let Some(listed) = listed.filter(|listed| listed.len() as u64 == manifest.files) else {
            out.add(Finding::new(codes::LIST_CHANGED, "FILES is not the list that the manifest signs"));
            return Ok(None);
        };
        let lost = BTreeSet::new();
        let mut files = Self { source, crew, unread: listed, lost, manifest, genesis, genesis_digest, history };
        files.compare_paths(out)?;
        // These were read before the list was known.
        files.take(layout::GENESIS, out)?;
        files.take(layout::STATEMENTS, out)?;
        Ok(Some(files))
    }

    fn compare_paths(&mut self, out: &mut Findings) -> Result<(), Unreadable> {
        let present: BTreeSet<String> = self.source.paths()?.into_iter().collect();
        for path in present.iter().filter(|path| !matches!(path.as_str(), layout::MANIFEST | layout::FILES)) {
            if !self.unread.contains_key(path) {
                let shown: String = path.chars().take(200).collect();
                out.add(Finding::new(codes::FILE_UNLISTED, format!("{shown} is not on the signed list")));
            }
        }
        let missing: Vec<String> = self.unread.keys().filter(|path| !present.contains(*path)).cloned().collect();
        for path in missing {
            self.unread.remove(&path);
            out.add(Finding::new(codes::FILE_MISSING, format!("{path} is on the signed list and not in the bundle")));
            self.lost.insert(path);
        }
        Ok(())
    }

    /// A listed file that is what the list says; otherwise `None`, and a finding if it was listed.
    pub(super) fn take(&mut self, path: &str, out: &mut Findings) -> Result<Option<Vec<u8>>, Unreadable> {
        let Some(Listed { digest, size }) = self.unread.remove(path) else { return Ok(None) };
        let bytes = self.source.read(path, size)?;
        if let Some(bytes) = bytes.filter(|bytes| bytes.len() as u64 == size && Digest::of(bytes) == digest) {
            return Ok(Some(bytes));
        }
        out.add(Finding::new(codes::FILE_CHANGED, format!("{path} is not the file that was signed")));
        self.lost.insert(path.to_owned());
        Ok(None)
    }

    /// A packed file's things; `None` when it is not listed or is lost, and a finding if it is lost.
    pub(super) fn take_packed(&mut self, path: &str, out: &mut Findings) -> Result<Option<Vec<Bytes>>, Unreadable> {
        let Some(bytes) = self.take(path, out)?.map(Bytes::from) else { return Ok(None) };
        match read_bundle(&bytes) {
            Some(things) => Ok(Some(things.into_iter().map(|thing| bytes.slice_ref(thing)).collect())),
            None => {
                self.lose(path, "is not a packed file", out);
                Ok(None)
            }
        }
    }

    /// Notes that a file was as signed and still says nothing.
    pub(super) fn lose(&mut self, path: &str, why: &str, out: &mut Findings) {
        out.add(Finding::new(codes::FILE_MALFORMED, format!("{path} {why}")));
        self.lost.insert(path.to_owned());
    }

    /// Whether a file that begins so is listed and missing, changed or unreadable; what it held is not known.
    pub(super) fn lost(&self, prefix: &str) -> bool {
        self.lost.range(prefix.to_owned()..).next().is_some_and(|path| path.starts_with(prefix))
    }

    /// A file that every bundle has: a finding if it is not even listed.
    pub(super) fn require(&mut self, path: &str, out: &mut Findings) -> Result<Option<Vec<u8>>, Unreadable> {
        if !self.unread.contains_key(path) && !self.lost.contains(path) {
            out.add(Finding::new(codes::FILE_MISSING, format!("{path} is not in the bundle")));
            self.lost.insert(path.to_owned());
        }
        self.take(path, out)
    }

    /// Paths not yet taken that begin so, in order.
    pub(super) fn under(&self, prefix: &str) -> Vec<String> {
        let from = self.unread.range(prefix.to_owned()..);
        from.take_while(|(path, _)| path.starts_with(prefix)).map(|(path, _)| path.clone()).collect()
    }

    /// Checks that every file that nobody asked for is at least what was signed, and that none lies where only this tree's do:
    /// another reader might take it for a part of the log.
    pub(super) fn rest(&mut self, out: &mut Findings) -> Result<(), Unreadable> {
        let paths: Vec<String> = self.unread.keys().cloned().collect();
        for path in &paths {
            let known = self.take(path, out)?.is_some();
            if known && layout::BY_TREE.iter().any(|folder| path.starts_with(folder)) {
                self.lose(path, "lies where this log has nothing", out);
            }
        }
        Ok(())
    }
}

fn read_genesis(source: &dyn BundleSource, out: &mut Findings) -> Result<Option<(Genesis, Envelope)>, Unreadable> {
    let bytes = source.read(layout::GENESIS, PAGE_BYTES)?;
    let text = bytes.as_deref().map(std::str::from_utf8);
    let wrong = match text {
        None => "the bundle has no genesis".to_owned(),
        Some(Err(_)) => "the genesis is not text".to_owned(),
        Some(Ok(text)) => match Genesis::open_text(text) {
            Ok(read) => return Ok(Some(read)),
            Err(bad) => match armor::decode(Label::Genesis, text) {
                Ok(_) => format!("the genesis does not verify: {bad}"),
                Err(bad) => format!("the genesis cannot be read: {bad}"),
            },
        },
    };
    out.add(Finding::new(codes::GENESIS_INVALID, wrong));
    Ok(None)
}

/// The log's keys. A bundle that shows none changed has the keys of its genesis.
fn read_keys(
    source: &dyn BundleSource,
    genesis: &Genesis,
    envelope: &Envelope,
    out: &mut Findings,
) -> Result<History, Unreadable> {
    let mut history = History::found(genesis, envelope);
    let Some(bytes) = source.read(layout::STATEMENTS, limits::KEY_HISTORY_BYTES as u64)? else { return Ok(history) };
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not text".to_owned());
    if let Err(bad) = text.and_then(|text| history.read(text).map_err(|bad| bad.to_string())) {
        out.add(Finding::new(codes::KEYS_INVALID, format!("{}: {bad}", layout::STATEMENTS)));
    }
    Ok(history)
}

fn read_manifest(
    source: &dyn BundleSource,
    history: &History,
    out: &mut Findings,
) -> Result<Option<Manifest>, Unreadable> {
    let bytes = source.read(layout::MANIFEST, limits::NOTE_BYTES as u64)?;
    let wrong = match bytes.as_deref().map(|bytes| verified_manifest(bytes, history)) {
        None => "the bundle has no MANIFEST".to_owned(),
        Some(Err(wrong)) => wrong,
        Some(Ok(manifest)) => return Ok(Some(manifest)),
    };
    out.add(Finding::new(codes::MANIFEST_INVALID, wrong));
    Ok(None)
}

fn verified_manifest(bytes: &[u8], history: &History) -> Result<Manifest, String> {
    let note = Note::parse(bytes).map_err(|bad| format!("MANIFEST cannot be read: {bad}"))?;
    let manifest = Manifest::parse(note.text()).ok_or("MANIFEST is not of its form")?;
    let name = manifest_key_name(history.origin());
    let vkey = |key| Vkey::new(&name, KeyMaterial::Ed25519(key));
    let keys: Result<Vec<Vkey>, _> = history.at(Role::Msg, manifest.size).into_iter().map(vkey).collect();
    let keys = keys.map_err(|bad| format!("MANIFEST cannot be checked: {bad}"))?;
    note.verify(&keys).map_err(|bad| format!("MANIFEST is not signed by the node: {bad}"))?;
    if manifest.origin != *history.origin() || manifest.from != 0 || manifest.to != manifest.size.0 {
        return Err("MANIFEST is of another log than the genesis, or of a part of the log".to_owned());
    }
    Ok(manifest)
}
