//! Who holds which key, from which size of its log to which. The lookup behind every verdict on a signature: the node's,
//! when something arrives, and the auditor's, years later.

use super::role::{Role, RoleKeys};
use super::{Descriptor, Genesis, PublicKey};
use crate::id::{Origin, TreeSize};
use std::collections::BTreeMap;

/// One key in one role, valid for leaves and heads of the holder's log with `from <= size < until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The key.
    pub key: PublicKey,
    /// First size of the holder's log at which it is valid.
    pub from: TreeSize,
    /// First size at which it is no longer valid; none while it is in use.
    pub until: Option<TreeSize>,
    /// Whether it ended because it may be in other hands, and not by being replaced.
    pub revoked: bool,
}

/// Why a roster does not take a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// The key already serves another node or another role.
    #[error("the {role} key of {origin} is already the {held_as} key of {held_by}")]
    Taken {
        /// For whom it was to be entered.
        origin: Origin,
        /// In which role.
        role: Role,
        /// Who holds it.
        held_by: Origin,
        /// In which role.
        held_as: Role,
    },
    /// The same log with another identity key.
    #[error("{0} is already known under another identity key")]
    Identity(Origin),
    /// The key is not in use, so it cannot end.
    #[error("{0} holds no such {1} key")]
    Unknown(Origin, Role),
}

/// Who holds which key. Several keys of one role may be valid at once: replicas, and the overlap of a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster(BTreeMap<(Origin, Role), Vec<Holding>>);

impl Roster {
    /// Enters all keys of a genesis, from size 0.
    pub fn enter_genesis(&mut self, genesis: &Genesis) -> Result<(), BadEntry> {
        self.enter_all(genesis.origin(), genesis.keys())
    }

    /// Enters all keys of a descriptor, from size 0: what a peer is believed by before its log is known.
    pub fn enter_descriptor(&mut self, descriptor: &Descriptor) -> Result<(), BadEntry> {
        self.enter_all(descriptor.origin(), descriptor.keys())
    }

    /// Enters one key from a size on; one that is already there as such changes nothing.
    pub fn enter(&mut self, origin: &Origin, role: Role, key: PublicKey, from: TreeSize) -> Result<(), BadEntry> {
        self.check_free(origin, role, &key)?;
        let held = self.0.entry((origin.clone(), role)).or_default();
        if !held.iter().any(|h| h.key == key && h.until.is_none()) {
            held.push(Holding { key, from, until: None, revoked: false });
        }
        Ok(())
    }

    /// Ends a key's validity at a size.
    pub fn end(&mut self, origin: &Origin, role: Role, key: &PublicKey, until: TreeSize) -> Result<(), BadEntry> {
        let held = self.0.get_mut(&(origin.clone(), role)).into_iter().flatten();
        match held.into_iter().find(|h| h.key == *key && h.until.is_none()) {
            Some(holding) => {
                holding.until = Some(until);
                Ok(())
            }
            None => Err(BadEntry::Unknown(origin.clone(), role)),
        }
    }

    /// Revokes a key, in use or replaced: from `until` on it never was valid.
    pub fn revoke(&mut self, origin: &Origin, role: Role, key: &PublicKey, until: TreeSize) -> Result<(), BadEntry> {
        let held = self.0.get_mut(&(origin.clone(), role)).into_iter().flatten();
        match held.into_iter().find(|h| h.key == *key && !h.revoked) {
            Some(holding) => {
                holding.until = Some(holding.until.map_or(until, |before| before.min(until)));
                holding.revoked = true;
                Ok(())
            }
            None => Err(BadEntry::Unknown(origin.clone(), role)),
        }
    }

    /// Enters every key that another roster holds, with its sizes.
    pub fn enter_roster(&mut self, other: &Self) -> Result<(), BadEntry> {
        for ((origin, role), held) in &other.0 {
            for holding in held {
                self.check_free(origin, *role, &holding.key)?;
            }
        }
        for (whose, held) in &other.0 {
            let known = self.0.entry(whose.clone()).or_default();
            known.retain(|before| held.iter().all(|holding| holding.key != before.key));
            known.extend(held);
        }
        Ok(())
    }

    /// The keys of a role that are in use.
    pub fn current(&self, origin: &Origin, role: Role) -> Vec<PublicKey> {
        self.holdings(origin, role).iter().filter(|h| h.until.is_none()).map(|h| h.key).collect()
    }

    /// The keys of a role that are valid at a size of the holder's log.
    pub fn at(&self, origin: &Origin, role: Role, size: TreeSize) -> Vec<PublicKey> {
        let valid = |h: &&Holding| h.from <= size && h.until.is_none_or(|until| size < until);
        self.holdings(origin, role).iter().filter(valid).map(|h| h.key).collect()
    }

    /// Every key a node ever held in a role, in the order of entry.
    pub fn holdings(&self, origin: &Origin, role: Role) -> &[Holding] {
        self.0.get(&(origin.clone(), role)).map_or(&[], Vec::as_slice)
    }

    /// Every log that holds a key here, in the order of their names.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.0.keys().filter(|(_, role)| *role == Role::Id).map(|(origin, _)| origin)
    }

    fn enter_all(&mut self, origin: &Origin, keys: &RoleKeys) -> Result<(), BadEntry> {
        let identities = self.holdings(origin, Role::Id);
        if !identities.is_empty() && !identities.iter().any(|h| h.key == *keys.id()) {
            return Err(BadEntry::Identity(origin.clone()));
        }
        for (role, key) in keys.iter() {
            self.check_free(origin, role, key)?;
        }
        keys.iter().try_for_each(|(role, key)| self.enter(origin, role, *key, TreeSize(0)))
    }

    /// One key, one node, one role; the generations of one node may share keys.
    fn check_free(&self, origin: &Origin, role: Role, key: &PublicKey) -> Result<(), BadEntry> {
        let same = |holder: &Origin| holder.node() == origin.node() && holder.network() == origin.network();
        for ((held_by, held_as), held) in &self.0 {
            if held.iter().any(|h| h.key == *key) && !(same(held_by) && *held_as == role) {
                let (origin, held_by) = (origin.clone(), held_by.clone());
                return Err(BadEntry::Taken { origin, role, held_by, held_as: *held_as });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{descriptor, genesis, key, origin};
    use super::*;

    #[test]
    fn a_key_is_valid_from_one_size_to_another() {
        let (mut roster, no) = (Roster::default(), origin("no"));
        roster.enter_genesis(&genesis("no", 1)).unwrap();
        let first = roster.current(&no, Role::Log);
        assert_eq!(first, [*genesis("no", 1).keys().get(Role::Log).unwrap()]);
        roster.enter(&no, Role::Log, key(77).public(), TreeSize(10)).unwrap();
        roster.end(&no, Role::Log, &first[0], TreeSize(12)).unwrap();
        assert_eq!(roster.at(&no, Role::Log, TreeSize(9)), first);
        assert_eq!(roster.at(&no, Role::Log, TreeSize(11)).len(), 2, "both lines stand while a rotation overlaps");
        assert_eq!(roster.at(&no, Role::Log, TreeSize(12)), [key(77).public()]);
        assert_eq!(roster.current(&no, Role::Log), [key(77).public()]);
        assert_eq!(
            roster.end(&no, Role::Log, &first[0], TreeSize(13)),
            Err(BadEntry::Unknown(no.clone(), Role::Log)),
            "a key ends once"
        );
    }

    #[test]
    fn one_key_serves_one_node_in_one_role() {
        let (mut roster, ee) = (Roster::default(), origin("ee"));
        roster.enter_descriptor(&descriptor("no", 1)).unwrap();
        let stolen = roster.current(&origin("no"), Role::Msg)[0];
        assert!(matches!(roster.enter(&ee, Role::Msg, stolen, TreeSize(0)), Err(BadEntry::Taken { .. })));
        assert!(matches!(roster.enter(&origin("no"), Role::Log, stolen, TreeSize(0)), Err(BadEntry::Taken { .. })));
        assert_eq!(roster.current(&ee, Role::Msg), []);
        roster.enter_descriptor(&descriptor("no", 1)).unwrap();
        assert_eq!(roster.holdings(&origin("no"), Role::Msg).len(), 1, "entering twice changes nothing");
        assert_eq!(roster.enter_descriptor(&descriptor("no", 50)), Err(BadEntry::Identity(origin("no"))));
        assert_eq!(roster.origins().collect::<Vec<_>>(), [&origin("no")]);
    }
}
