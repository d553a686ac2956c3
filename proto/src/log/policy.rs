//! Trust policies: C2SP tlog-policy. Which logs are believed, and which sets of witnesses must have cosigned.
//!
//! A policy file is octets; names are compared as such and mean nothing outside the file.

use super::checkpoint::{BadCheckpoint, Checkpoint};
use super::codec::decimal;
use super::note::{BadNote, Note};
use super::vkey::{BadVkey, KeyMaterial, Vkey};
use crate::limits;

/// A witness that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in the policy, as text for people.
    pub name: String,
    /// Its key.
    pub key: Vkey,
}

/// What must be cosigned: a witness, a threshold of members, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Nothing,
    Witness(usize),
    AtLeast(usize, Vec<Rule>),
}

/// Logs, witnesses, and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Vkey>,
    witnesses: Vec<Witness>,
    quorum: Rule,
}

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// Over the bound.
    #[error(
        "the policy has over {} bytes, or over {} logs, witnesses or groups",
        limits::POLICY_BYTES,
        limits::POLICY_NAMES
    )]
    Oversized,
    /// An octet that no policy holds.
    #[error("line {0} has a control character other than tab")]
    Control(usize),
    /// Not a line of the format.
    #[error("line {0} is not a log, witness, group or quorum line of the right length")]
    Line(usize),
    /// A key that is not one, or not for this use.
    #[error("line {0}: {1}")]
    Key(usize, BadVkey),
    /// A key whose type does not fit what the line says it does.
    #[error("line {0}: a key of this type cannot be used here")]
    KeyUse(usize),
    /// The same key twice.
    #[error("line {0} repeats a key")]
    RepeatedKey(usize),
    /// A name that is taken, or reserved.
    #[error("line {0} defines a name that is already taken")]
    Taken(usize),
    /// A name that no earlier line defines.
    #[error("line {0} uses a name that no line before it defines")]
    Undefined(usize),
    /// A name that is already a member of a group.
    #[error("line {0} uses a member that already belongs to a group")]
    Shared(usize),
    /// A threshold of 0 or more than there are members.
    #[error("line {0} has a threshold that its members cannot meet or that asks for none")]
    Threshold(usize),
    /// None, or a second.
    #[error("a policy has exactly one quorum line")]
    Quorum,
}

/// Why a checkpoint does not satisfy a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsatisfied {
    /// Not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// A signature of a known key is bad, or the note is not believable at all.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// None of the policy's logs has this origin.
    #[error("no log of the policy is named {0:?}")]
    UnknownLog(String),
    /// The log did not sign.
    #[error("the log {0:?} has not signed the checkpoint")]
    Unsigned(String),
    /// Too few cosignatures.
    #[error("the witnesses that cosigned ({}) are not a quorum", if .0.is_empty() { "none".to_owned() } else { .0.join(", ") })]
    Quorum(Vec<String>),
}

/// A checkpoint that satisfies a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satisfied {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// Who cosigned: names in the policy, and the time each states in seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
    /// Whether the policy asks for any witness.
    pub witnessed: bool,
}

impl Policy {
    /// A policy that believes these logs and asks for no witness.
    pub fn of_logs(logs: Vec<Vkey>) -> Self {
        Self { logs, witnesses: Vec::new(), quorum: Rule::Nothing }
    }

    /// The file that believes one log, and asks that so many of these witnesses cosigned; their names in it are plain words.
    pub fn file(log: &Vkey, witnesses: &[Witness], quorum: usize) -> String {
        let mut file = format!("log {}\n", log.text());
        if quorum == 0 {
            return file + "quorum none\n";
        }
        let line = |Witness { name, key }: &Witness| format!("witness {name} {}\n", key.text());
        file.extend(witnesses.iter().map(line));
        let names: Vec<&str> = witnesses.iter().map(|witness| witness.name.as_str()).collect();
        file + &format!("group peers {quorum} {}\nquorum peers\n", names.join(" "))
    }

    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadPolicy> {
        if bytes.len() > limits::POLICY_BYTES {
            return Err(BadPolicy::Oversized);
        }
        let mut reader = Reader::default();
        for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
            reader.line(number + 1, line)?;
        }
        let quorum = reader.quorum.ok_or(BadPolicy::Quorum)?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, quorum })
    }

    /// The logs.
    pub fn logs(&self) -> &[Vkey] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Witnesses whose key type this version cannot verify; they never count towards the quorum.
    pub fn unverifiable(&self) -> impl Iterator<Item = &Witness> {
        self.witnesses.iter().filter(|witness| !witness.key.verifies())
    }

    /// Whether these witnesses, by their place in [`Policy::witnesses`], are a quorum.
    pub fn is_quorum(&self, cosigned: &[usize]) -> bool {
        holds(&self.quorum, cosigned)
    }

    /// Checks a signed checkpoint: by one of the logs, whose key name is the origin, and cosigned by a quorum.
    pub fn check(&self, note: &Note) -> Result<Satisfied, Unsatisfied> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let origin = checkpoint.origin();
        if !self.logs.iter().any(|key| key.name() == origin) {
            return Err(Unsatisfied::UnknownLog(origin.chars().take(80).collect()));
        }
        // A line by any key that the policy knows must verify (signed-note); only the log's own say that it signed.
        let signed = match note.verify(&self.logs) {
            Err(BadNote::Unsigned) => false,
            lines => lines?.iter().any(|line| line.key.name() == origin),
        };
        if !signed {
            return Err(Unsatisfied::Unsigned(origin.to_owned()));
        }
        let mut cosigned: Vec<(usize, u64)> = Vec::new();
        for (place, witness) in self.witnesses.iter().enumerate() {
            match note.verify(std::slice::from_ref(&witness.key)) {
                Err(BadNote::Unsigned) => {}
                other => cosigned.extend(other?.iter().filter_map(|line| line.time).min().map(|time| (place, time))),
            }
        }
        let places: Vec<usize> = cosigned.iter().map(|(place, _)| *place).collect();
        let named = |(place, time): &(usize, u64)| (self.witnesses[*place].name.clone(), *time);
        let witnesses: Vec<(String, u64)> = cosigned.iter().map(named).collect();
        if !self.is_quorum(&places) {
            return Err(Unsatisfied::Quorum(witnesses.into_iter().map(|(name, _)| name).collect()));
        }
        Ok(Satisfied { checkpoint, witnesses, witnessed: self.quorum != Rule::Nothing })
    }
}

fn holds(rule: &Rule, cosigned: &[usize]) -> bool {
    match rule {
        Rule::Nothing => true,
        Rule::Witness(place) => cosigned.contains(place),
        Rule::AtLeast(count, members) => members.iter().filter(|member| holds(member, cosigned)).count() >= *count,
    }
}

/// A name of the file, what it stands for, and whether it is already a member of a group.
struct Named {
    name: Vec<u8>,
    rule: Rule,
    used: bool,
}

#[derive(Default)]
struct Reader {
    logs: Vec<Vkey>,
    witnesses: Vec<Witness>,
    names: Vec<Named>,
    quorum: Option<Rule>,
}

const NONE: &[u8] = b"none";

impl Reader {
    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), BadPolicy> {
        if line.iter().any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f) {
            return Err(BadPolicy::Control(number));
        }
        let items: Vec<&[u8]> = line.split(|b| *b == b' ' || *b == b'\t').filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => self.log(number, key),
            [b"witness", name, key] | [b"witness", name, key, _] => self.witness(number, name, key),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(number, name, threshold, members)
            }
            [b"quorum", name] => self.quorum(number, name),
            _ => Err(BadPolicy::Line(number)),
        }
    }

    fn log(&mut self, number: usize, key: &[u8]) -> Result<(), BadPolicy> {
        let key = read_key(number, key)?;
        if self.logs.iter().any(|log| same_key(log, &key)) {
            return Err(BadPolicy::RepeatedKey(number));
        }
        self.logs.push(key);
        within_bound(self.logs.len())
    }

    fn witness(&mut self, number: usize, name: &[u8], key: &[u8]) -> Result<(), BadPolicy> {
        let key = read_key(number, key)?;
        if matches!(key.material(), KeyMaterial::Ed25519(_)) {
            return Err(BadPolicy::KeyUse(number));
        }
        if self.witnesses.iter().any(|witness| same_key(&witness.key, &key)) {
            return Err(BadPolicy::RepeatedKey(number));
        }
        let rule = Rule::Witness(self.witnesses.len());
        self.witnesses.push(Witness { name: String::from_utf8_lossy(name).into_owned(), key });
        within_bound(self.witnesses.len())?;
        self.define(number, name, rule)
    }

    fn group(&mut self, number: usize, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), BadPolicy> {
        let count = match threshold {
            b"all" => members.len(),
            b"any" => 1,
            digits => std::str::from_utf8(digits)
                .ok()
                .and_then(decimal)
                .and_then(|count| usize::try_from(count).ok())
                .ok_or(BadPolicy::Line(number))?,
        };
        if count == 0 || count > members.len() {
            return Err(BadPolicy::Threshold(number));
        }
        let mut rules = Vec::with_capacity(members.len());
        for member in members {
            let named = self.names.iter_mut().find(|named| named.name == *member);
            let named = named.ok_or(BadPolicy::Undefined(number))?;
            if std::mem::replace(&mut named.used, true) {
                return Err(BadPolicy::Shared(number));
            }
            rules.push(named.rule.clone());
        }
        self.define(number, name, Rule::AtLeast(count, rules))
    }

    fn quorum(&mut self, number: usize, name: &[u8]) -> Result<(), BadPolicy> {
        let rule = match self.names.iter().find(|named| named.name == name) {
            Some(named) => named.rule.clone(),
            None if name == NONE => Rule::Nothing,
            None => return Err(BadPolicy::Undefined(number)),
        };
        if self.quorum.replace(rule).is_some() { Err(BadPolicy::Quorum) } else { Ok(()) }
    }

    fn define(&mut self, number: usize, name: &[u8], rule: Rule) -> Result<(), BadPolicy> {
        if name == NONE || self.names.iter().any(|named| named.name == name) {
            return Err(BadPolicy::Taken(number));
        }
        self.names.push(Named { name: name.to_vec(), rule, used: false });
        within_bound(self.names.len() - self.witnesses.len())
    }
}

fn within_bound(count: usize) -> Result<(), BadPolicy> {
    if count > limits::POLICY_NAMES { Err(BadPolicy::Oversized) } else { Ok(()) }
}

fn read_key(number: usize, item: &[u8]) -> Result<Vkey, BadPolicy> {
    let text = std::str::from_utf8(item).map_err(|_| BadPolicy::Key(number, BadVkey::Form))?;
    Vkey::parse(text).map_err(|wrong| BadPolicy::Key(number, wrong))
}

/// Two keys are the same when their key bytes are, whatever their names and types.
fn same_key(a: &Vkey, b: &Vkey) -> bool {
    let bytes = |key: &Vkey| match key.material() {
        KeyMaterial::Ed25519(key) | KeyMaterial::Cosignature(key) => key.bytes().to_vec(),
        KeyMaterial::MlDsa44(key) => key.clone(),
    };
    bytes(a) == bytes(b)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests;
