//! The bundle that a node of these tests writes, and what its operator can make of it afterwards.

use super::super::layout::{self, Listed, Manifest, manifest_key_name, read_list, write_list};
use super::super::{MemoryBundle, Scope, Writer};
use super::world::{Country, DECISION_OPENING};
use crate::id::Digest;
use crate::log::event::Kind;
use crate::log::fork::Claim;
use crate::log::note::Note;

impl Country {
    /// The bundle that this node writes.
    pub(super) fn bundle(&self, scope: Scope) -> MemoryBundle {
        let mut writer = Writer::new(MemoryBundle::new(), scope, &self.founding(), &self.origin()).unwrap();
        writer.key_statements(&self.history.write()).unwrap();
        writer.policy(&self.policy).unwrap();
        writer.agreement(crate::agreement::DEFAULT_TEXT).unwrap();
        for index in 0..self.events.len() {
            let opening = self.opening(index);
            writer.leaf(&opening.entry(), Some(&opening), self.envelopes.get(&index)).unwrap();
        }
        let decided =
            |index: &usize| self.events[*index].kind == Kind::SENT && self.events[*index].restricted != Digest::NONE;
        for (index, _) in self.envelopes.iter().filter(|(index, _)| decided(index)) {
            writer.decision(*index as u64, &DECISION_OPENING).unwrap();
        }
        for size in &self.heads {
            writer.head(&self.head(*size)).unwrap();
        }
        for ((peer, class, seq), proof) in &self.receipts {
            writer.receipt(peer, *class, *seq, proof).unwrap();
        }
        for ((peer, class, seq), proof) in &self.sent {
            writer.sent(peer, *class, *seq, proof).unwrap();
        }
        for (origin, head) in &self.witnessed {
            writer.witnessed(origin, head.write().as_bytes()).unwrap();
        }
        let accused = self.events.iter().filter(|event| event.kind == Kind::MISBEHAVIOUR);
        for proof in accused.filter_map(|event| Claim::read(&event.body)) {
            writer.fork(&proof).unwrap();
        }
        writer.finish(&self.message_key()).unwrap()
    }

    /// The national bundle.
    pub(super) fn national(&self) -> MemoryBundle {
        self.bundle(Scope::National)
    }

    /// The national bundle after its operator changed a file and signed the list again.
    pub(super) fn with(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) -> MemoryBundle {
        let mut bundle = self.national();
        change(bundle.get_mut(path).unwrap_or_else(|| panic!("{path} is not in the bundle")));
        self.reseal(bundle)
    }

    /// Signs a changed bundle again, as only its operator can.
    pub(super) fn reseal(&self, mut bundle: MemoryBundle) -> MemoryBundle {
        let before = String::from_utf8(bundle.remove(layout::FILES).unwrap()).unwrap();
        assert!(read_list(&before).is_some());
        let note = Note::parse(&bundle.remove(layout::MANIFEST).unwrap()).unwrap();
        let manifest = Manifest::parse(note.text()).unwrap();
        let line = |(path, bytes): (&String, &Vec<u8>)| {
            (path.clone(), Listed { digest: Digest::of(bytes), size: bytes.len() as u64 })
        };
        let list = write_list(&bundle.iter().map(line).collect());
        let manifest = Manifest { files: bundle.len() as u64, list: Digest::of(list.as_bytes()), ..manifest };
        let mut note = Note::new(&manifest.text()).unwrap();
        note.sign(&manifest_key_name(&self.origin()), &self.message_key()).unwrap();
        bundle.insert(layout::FILES.into(), list.into_bytes());
        bundle.insert(layout::MANIFEST.into(), note.write().into_bytes());
        bundle
    }
}
