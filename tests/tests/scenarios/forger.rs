//! An operator who takes the bundle of his real node apart, changes it, and seals it again with the country's own keys: he has
//! all of them, and nobody else's.

use std::collections::BTreeMap;
use varde_node::flow::bundle;
use varde_proto::audit::{Audit, Given, Listed, Manifest, MemoryBundle, Scope, Trusted, Writer};
use varde_proto::audit::{manifest_key_name, verify, write_list};
use varde_proto::envelope::Envelope;
use varde_proto::id::{Digest, Origin, TreeSize};
use varde_proto::identity::{Genesis, SecretKey};
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::log::tiles::{read_bundle, write_bundle};
use varde_proto::log::tree::Tree;
use varde_proto::log::{Checkpoint, Note, cosignature};
use varde_proto::time::Timestamp;
use varde_tests::pair::{Country, secrets, witness_key};

/// A leaf as its node kept it.
#[derive(Clone)]
pub(crate) struct Leaf {
    salt: [u8; 32],
    pub(crate) event: Event,
    pub(crate) envelope: Option<Envelope>,
    /// Its opening is not shown.
    pub(crate) hidden: bool,
}

/// A channel, and a number.
type Item = (Origin, u8, u64);

/// A bundle taken apart.
#[derive(Clone)]
pub(crate) struct Forger {
    pub(crate) origin: Origin,
    genesis: Envelope,
    policy: String,
    agreements: Vec<String>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) heads: Vec<Head>,
    pub(crate) receipts: BTreeMap<Item, Vec<u8>>,
    pub(crate) sent: BTreeMap<Item, Vec<u8>>,
    witnessed: BTreeMap<Origin, Vec<u8>>,
}

/// What a country's node gives its auditor.
pub(crate) fn national(country: &Country) -> MemoryBundle {
    bundle::write(&country.node, Scope::National, MemoryBundle::new()).unwrap().0
}

/// The things of every packed file of a folder, those of each file at their places.
fn packed(bundle: &MemoryBundle, folder: &str) -> Vec<Vec<u8>> {
    let bytes = bundle.get(&format!("{folder}/000"));
    bytes.map(|bytes| read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect()).unwrap_or_default()
}

/// `<folder>/<network>/<cc>/<generation>/<class>/000`
fn proofs(bundle: &MemoryBundle, folder: &str) -> BTreeMap<Item, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in bundle.keys().filter(|path| path.starts_with(folder)) {
        let parts: Vec<&str> = path.split('/').collect();
        let [_, network, country, generation, class, "000"] = parts[..] else { panic!("{path}") };
        let origin = Origin::parse(&format!("{network}/{country}/{generation}")).unwrap();
        for (seq, proof) in (1..).zip(packed(bundle, path.strip_suffix("/000").unwrap())) {
            if !proof.is_empty() {
                found.insert((origin.clone(), class.parse().unwrap(), seq), proof);
            }
        }
    }
    found
}

impl Forger {
    /// Takes apart what a node gives.
    pub(crate) fn of(country: &Country) -> Self {
        Self::open(&national(country), country.origin())
    }

    /// Takes a bundle of at most 256 leaves apart.
    pub(crate) fn open(bundle: &MemoryBundle, origin: &Origin) -> Self {
        let text = |path: &str| String::from_utf8(bundle[path].clone()).unwrap();
        let mut envelopes = packed(bundle, "envelopes").into_iter();
        let openings = packed(bundle, "openings");
        assert!(
            openings.len() < 256 && !bundle.contains_key("keys/statements") && !bundle.contains_key("decisions/000")
        );
        let leaf = |bytes: Vec<u8>| Leaf {
            salt: *bytes.first_chunk().unwrap(),
            event: Opening::parse(&bytes).unwrap().event().clone(),
            envelope: envelopes.next().filter(|e| !e.is_empty()).map(|e| prost::Message::decode(&e[..]).unwrap()),
            hidden: false,
        };
        let log_key = secrets(origin.node().as_str())[1].public();
        let head = |note: Vec<u8>| Head::from_note(&note, origin, &[log_key]).unwrap();
        let under = |folder: &'static str| bundle.keys().filter(move |path| path.starts_with(folder));
        Self {
            origin: origin.clone(),
            genesis: Genesis::open_text(&text("keys/genesis")).unwrap().1,
            policy: text("policy"),
            agreements: under("agreements/").map(|path| text(path)).collect(),
            leaves: openings.into_iter().map(leaf).collect(),
            heads: packed(bundle, "checkpoints").into_iter().map(head).collect(),
            receipts: proofs(bundle, "receipts/"),
            sent: proofs(bundle, "sent/"),
            witnessed: under("witnessed/")
                .map(|path| (Origin::parse(path.strip_prefix("witnessed/").unwrap()).unwrap(), bundle[path].clone()))
                .collect(),
        }
    }

    fn keys(&self) -> [SecretKey; 3] {
        secrets(self.origin.node().as_str())
    }

    fn opening(leaf: &Leaf) -> Opening {
        Opening::new(&leaf.salt, leaf.event.clone()).unwrap()
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.leaves.iter().for_each(|leaf| {
            tree.push(Self::opening(leaf).entry().leaf_hash());
        });
        tree
    }

    /// The first leaf that is so.
    #[track_caller]
    pub(crate) fn find(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.leaves.iter().position(|leaf| is(&leaf.event)).unwrap()
    }

    /// The last leaf that is so.
    #[track_caller]
    pub(crate) fn last(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.leaves.iter().rposition(|leaf| is(&leaf.event)).unwrap()
    }

    /// When the newest leaf was written.
    pub(crate) fn now(&self) -> Timestamp {
        self.leaves.last().unwrap().event.time
    }

    /// Logs something, now or later.
    pub(crate) fn log(&mut self, event: Event) -> usize {
        let (place, time) = (self.leaves.len(), event.time.max(self.now()));
        let salt = Digest::of(&place.to_be_bytes()).0;
        self.leaves.push(Leaf { salt, event: Event { time, ..event }, envelope: None, hidden: false });
        place
    }

    /// Logs leaves that say nothing until there are so many.
    pub(crate) fn fill(&mut self, size: usize) {
        while self.leaves.len() < size {
            self.log(Event::local(Kind::ANCHOR, self.now()));
        }
    }

    /// Signs what there is now, and shows only heads that it has.
    pub(crate) fn sign(&mut self) {
        let (tree, [_, key, _]) = (self.tree(), self.keys());
        self.heads.retain(|head| head.size() < tree.size() && tree.root_at(head.size()) == Some(head.root()));
        self.heads.push(Head::sign(&self.origin, tree.size(), tree.root(), &key).unwrap());
    }

    /// A country's witness cosigns a head, at a time.
    pub(crate) fn cosign(&mut self, size: usize, by: &Country, time: Timestamp) {
        let head = self.heads.iter_mut().find(|head| head.size() == TreeSize(size as u64)).unwrap();
        let checkpoint = Checkpoint::parse(head.note().text()).unwrap();
        let name = cosignature::witness_name(by.origin());
        let key = witness_key(by.origin().node().as_str());
        let seconds = time.seconds().cast_unsigned();
        head.add(cosignature::sign(&checkpoint, &name, seconds, &key).unwrap()).unwrap();
    }

    /// The bundle, sealed.
    pub(crate) fn bundle(&self) -> MemoryBundle {
        let mut writer = Writer::new(MemoryBundle::new(), Scope::National, &self.genesis, &self.origin).unwrap();
        writer.policy(&self.policy).unwrap();
        self.agreements.iter().for_each(|text| writer.agreement(text).unwrap());
        for leaf in &self.leaves {
            let opening = Self::opening(leaf);
            let shown = Some(&opening).filter(|_| !leaf.hidden);
            writer.leaf(&opening.entry(), shown, leaf.envelope.as_ref()).unwrap();
        }
        self.heads.iter().for_each(|head| writer.head(head).unwrap());
        let proofs = |of: &BTreeMap<Item, Vec<u8>>| of.clone().into_iter();
        proofs(&self.receipts).for_each(|((peer, class, seq), p)| writer.receipt(&peer, class, seq, &p).unwrap());
        proofs(&self.sent).for_each(|((peer, class, seq), p)| writer.sent(&peer, class, seq, &p).unwrap());
        self.witnessed.iter().for_each(|(origin, note)| writer.witnessed(origin, note).unwrap());
        writer.finish(&self.keys()[2]).unwrap()
    }

    /// The bundle under heads that were signed before.
    pub(crate) fn under(&self, heads: &[Head]) -> MemoryBundle {
        let mut bundle = self.bundle();
        let notes: Vec<String> = heads.iter().map(Head::write).collect();
        bundle.insert("checkpoint".into(), notes.last().unwrap().clone().into_bytes());
        bundle.insert("checkpoints/000".into(), write_bundle(notes.iter().map(|note| note.as_bytes())).unwrap());
        let note = Note::parse(&bundle.remove("MANIFEST").unwrap()).unwrap();
        bundle.remove("FILES").unwrap();
        let line = |(path, bytes): (&String, &Vec<u8>)| {
            (path.clone(), Listed { digest: Digest::of(bytes), size: bytes.len() as u64 })
        };
        let list = write_list(&bundle.iter().map(line).collect());
        let manifest = Manifest { list: Digest::of(list.as_bytes()), ..Manifest::parse(note.text()).unwrap() };
        let mut note = Note::new(&manifest.text()).unwrap();
        note.sign(&manifest_key_name(&self.origin), &self.keys()[2]).unwrap();
        bundle.insert("FILES".into(), list.into_bytes());
        bundle.insert("MANIFEST".into(), note.write().into_bytes());
        bundle
    }

    /// What an auditor says of it.
    pub(crate) fn audit(&self) -> Audit {
        audited(&self.bundle(), &self.origin, &[])
    }

    /// The same, with heads of it that others hold.
    pub(crate) fn audit_with(&self, views: &[Vec<u8>]) -> Audit {
        audited(&self.bundle(), &self.origin, views)
    }

    /// The newest head of another log that this one's node keeps.
    pub(crate) fn view_of(&self, other: &Origin) -> Vec<u8> {
        self.witnessed[other].clone()
    }
}

/// What an auditor who knows the country's identity says of a bundle.
pub(crate) fn audited(bundle: &MemoryBundle, origin: &Origin, views: &[Vec<u8>]) -> Audit {
    let fingerprint = secrets(origin.node().as_str())[0].public().fingerprint();
    let trusted = vec![Trusted { origin: Some(origin.clone()), fingerprint }];
    verify(bundle, &Given { trusted, views: views.to_vec() }).unwrap()
}
