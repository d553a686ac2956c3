//! What identity keys signed of agreements, as it lies in `DIR/agreements`: texts, named by their SHA-256, and words, named by text and
//! country. `varde agreement` writes ours, the node the peers'; they are taken up with the pins.

use super::pins::Mark;
use crate::edge::disk;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use varde_proto::agreement::Agreement;
use varde_proto::envelope::Envelope;
use varde_proto::home;
use varde_proto::id::{Digest, NodeId};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{Genesis, Word};
use varde_proto::limits;

/// How the names of its files end.
pub(super) const SUFFIXES: [&str; 5] = [
    home::TEXT_SUFFIX,
    home::ACCEPTANCE_SUFFIX,
    home::REVOCATION_SUFFIX,
    home::PEER_ACCEPTANCE_SUFFIX,
    home::PEER_REVOCATION_SUFFIX,
];

/// What lies there.
#[derive(Debug, Default)]
pub(super) struct Promises {
    texts: BTreeMap<Digest, Arc<Agreement>>,
    words: BTreeMap<NodeId, Vec<(Digest, Envelope)>>,
}

impl Promises {
    /// Reads the files; what is wrong is named and left out.
    pub(super) fn read(dir: &Path, files: &[Mark], genesis: &Genesis) -> Self {
        let mut promises = Self::default();
        for Mark { name, .. } in files {
            if let Err(why) = promises.take(dir, name, genesis) {
                tracing::warn!(file = %name, %why, "what was signed of an agreement is not taken up");
            }
        }
        promises
    }

    fn take(&mut self, dir: &Path, name: &str, genesis: &Genesis) -> Result<(), String> {
        let text = disk::read_bounded(&dir.join(home::AGREEMENTS).join(name), limits::ARMOR_BYTES);
        let text = text.map_err(|error| error.to_string())?;
        let text = String::from_utf8(text).map_err(|_| "it is not a text".to_owned())?;
        let misnamed = || "its name is not what it holds".to_owned();
        let (id, rest) = name.split_once('.').ok_or_else(misnamed)?;
        let id = Digest::parse(id).map_err(|_| misnamed())?;
        if name.ends_with(home::TEXT_SUFFIX) {
            let agreement = Agreement::read(&text).map_err(|bad| bad.to_string())?;
            if agreement.id() != id {
                return Err(misnamed());
            }
            self.texts.insert(id, Arc::new(agreement));
            return Ok(());
        }
        if let Some((_, end)) = rest.split_once('.').filter(|(_, end)| end.starts_with("peer-")) {
            // By whose key it must be is known where it is heard.
            let label = if end == "peer-revocation" { Label::Revocation } else { Label::Acceptance };
            let word = armor::decode(label, &text).map_err(|bad| bad.to_string())?;
            let country =
                rest.split('.').next().and_then(|country| NodeId::parse(country).ok()).ok_or_else(misnamed)?;
            self.words.entry(country).or_default().push((id, word));
            return Ok(());
        }
        let (word, envelope) = Word::open_text(&text, genesis.keys().id()).map_err(|bad| bad.to_string())?;
        let (of, country) = (word.of(), rest.split('.').next().and_then(|country| NodeId::parse(country).ok()));
        let ours = of.from == *genesis.origin() && of.mode == genesis.mode();
        if !ours || of.agreement != id || country != Some(of.with.node()) {
            return Err(misnamed());
        }
        self.words.entry(of.with.node()).or_default().push((id, envelope));
        Ok(())
    }

    /// What concerns a country: words, and the texts that they are about.
    pub(super) fn with(&self, country: NodeId) -> (Vec<Envelope>, Vec<Arc<Agreement>>) {
        let words = self.words.get(&country).map(Vec::as_slice).unwrap_or_default();
        let texts = words.iter().filter_map(|(id, _)| self.texts.get(id).cloned()).collect();
        (words.iter().map(|(_, envelope)| envelope.clone()).collect(), texts)
    }
}
