//! Signed notes: C2SP signed-note v1.0.0. A text, a blank line, and one line for each signature.
//!
//! Lines by unknown keys are passed over. A line by a known key must verify, or the whole note is refused. Nothing of the
//! text may be believed before [`Note::verify`] has returned.

use super::codec::{base64, unbase64};
use super::cosignature;
use super::vkey::{KeyMaterial, Vkey, is_key_name, key_id};
use crate::identity::SecretKey;
use crate::limits;
use crate::wire::peer;
use bytes::Bytes;

/// A signature line: whose it claims to be, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

impl SignatureLine {
    /// A line; `None` when the name is no key name or there is no signature.
    pub fn new(name: &str, id: u32, signature: &[u8]) -> Option<Self> {
        let fits = is_key_name(name) && !signature.is_empty();
        fits.then(|| Self { name: name.to_owned(), id, signature: signature.to_vec() })
    }

    /// The key name it claims.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id it claims.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The signature, without the key id.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// As it travels.
    pub fn to_wire(&self) -> peer::NoteSignature {
        let signature = Bytes::copy_from_slice(&self.signature);
        peer::NoteSignature { name: self.name.clone(), key_id: self.id, signature }
    }

    /// The line, without its newline.
    pub fn text(&self) -> String {
        let payload = [&self.id.to_be_bytes()[..], &self.signature].concat();
        format!("{MARK}{} {}", self.name, base64(&payload))
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, payload) = line.strip_prefix(MARK)?.split_once(' ')?;
        let payload = unbase64(payload)?;
        let (id, signature) = payload.split_at_checked(4)?;
        Self::new(name, u32::from_be_bytes(id.try_into().ok()?), signature)
    }

    /// Whether it claims to be by this key.
    pub fn claims(&self, key: &Vkey) -> bool {
        self.id == key.id() && self.name == key.name()
    }
}

const MARK: &str = "\u{2014} ";

/// Why a note is not one, or is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Over the bound of bytes or of lines.
    #[error("the note has over {} bytes or {} signatures", limits::NOTE_BYTES, limits::NOTE_SIGNATURES)]
    Oversized,
    /// Not UTF-8, or with a control character other than newline.
    #[error("the note is not plain UTF-8 text")]
    Text,
    /// No text, no blank line, no signature line, or a last line without newline.
    #[error("the note is not a text, a blank line and signature lines")]
    Form,
    /// A line after the blank line that is no signature line.
    #[error("line {0} of the signatures is not a signature line")]
    Line(usize),
    /// Two of the keys given have the same name and id, and a line claims them.
    #[error("two known keys share the name and id of {0:?}")]
    Ambiguous(String),
    /// A line by a known key does not verify.
    #[error("the signature of {0:?} does not verify")]
    Signature(String),
    /// No line is by a known key.
    #[error("no signature is by a known key")]
    Unsigned,
}

/// A text and its signature lines. Parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// A line that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLine<'a> {
    /// By which of the keys given.
    pub key: &'a Vkey,
    /// Seconds since 1970 that a cosignature states; `None` for a plain signature.
    pub time: Option<u64>,
}

impl Note {
    /// A note without signatures yet; the text ends with a newline and has no control character besides.
    pub fn new(text: &str) -> Result<Self, BadNote> {
        check_text(text.as_bytes())?;
        if text.ends_with('\n') {
            Ok(Self { text: text.to_owned(), signatures: Vec::new() })
        } else {
            Err(BadNote::Form)
        }
    }

    /// Reads a note with at least one signature line.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        if bytes.len() > limits::NOTE_BYTES {
            return Err(BadNote::Oversized);
        }
        let whole = check_text(bytes)?;
        let (start, lines) = whole.rsplit_once("\n\n").ok_or(BadNote::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(BadNote::Form)?;
        if lines.split('\n').count() > limits::NOTE_SIGNATURES {
            return Err(BadNote::Oversized);
        }
        let read = |(number, line)| SignatureLine::parse(line).ok_or(BadNote::Line(number + 1));
        let signatures = lines.split('\n').enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{start}\n"), signatures })
    }

    /// The note's bytes. A note without signatures has none to show: what this gives then is not a note.
    pub fn write(&self) -> String {
        let lines: String = self.signatures.iter().map(|line| line.text() + "\n").collect();
        format!("{}\n{lines}", self.text)
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in their order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a line, unless it is already there; refuses one over the bound.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), BadNote> {
        if self.signatures.contains(&line) {
            return Ok(());
        }
        if self.signatures.len() == limits::NOTE_SIGNATURES {
            return Err(BadNote::Oversized);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// Signs the text (type 0x01) under a key name.
    pub fn sign(&mut self, name: &str, key: &SecretKey) -> Result<(), BadNote> {
        let id = key_id(name, &KeyMaterial::Ed25519(key.public()));
        let line = SignatureLine::new(name, id, &key.sign(self.text.as_bytes())).ok_or(BadNote::Form)?;
        self.add(line)
    }

    /// Whether a line verifies under one of the keys that it claims to be by; `None` where it claims none of them. Keys can be
    /// ground so that two share their id: that convicts nobody, so each is tried.
    pub fn verdict(&self, line: &SignatureLine, keys: &[Vkey]) -> Option<bool> {
        let mut claimed = keys.iter().filter(|key| line.claims(key)).peekable();
        claimed.peek()?;
        Some(claimed.any(|key| check(&self.text, line, key).is_some()))
    }

    /// Verifies every line that claims a known key. At least one must; a repeated line counts once.
    pub fn verify<'a>(&self, keys: &'a [Vkey]) -> Result<Vec<VerifiedLine<'a>>, BadNote> {
        let mut verified: Vec<VerifiedLine<'a>> = Vec::new();
        for line in &self.signatures {
            let mut claimed = keys.iter().filter(|key| line.claims(key));
            let Some(key) = claimed.next() else { continue };
            if claimed.next().is_some() {
                return Err(BadNote::Ambiguous(line.name.clone()));
            }
            if !key.verifies() {
                continue;
            }
            let time = check(&self.text, line, key).ok_or_else(|| BadNote::Signature(line.name.clone()))?;
            let line = VerifiedLine { key, time };
            if !verified.contains(&line) {
                verified.push(line);
            }
        }
        if verified.is_empty() { Err(BadNote::Unsigned) } else { Ok(verified) }
    }
}

/// The time a good line states, if its type states one; `None` for a bad line.
fn check(text: &str, line: &SignatureLine, key: &Vkey) -> Option<Option<u64>> {
    match key.material() {
        KeyMaterial::Ed25519(key) => key.verify(text.as_bytes(), &line.signature).ok().map(|()| None),
        KeyMaterial::Cosignature(key) => cosignature::verify(text, &line.signature, key).map(Some),
        #[cfg(feature = "post-quantum")]
        KeyMaterial::MlDsa44(key) => {
            let seconds = super::quantum::verify(text, &line.name, &line.signature, key)?;
            Some(Some(seconds).filter(|seconds| *seconds > 0))
        }
        #[cfg(not(feature = "post-quantum"))]
        KeyMaterial::MlDsa44(_) => None,
    }
}

fn check_text(bytes: &[u8]) -> Result<&str, BadNote> {
    if bytes.iter().any(|b| *b < 0x20 && *b != b'\n') {
        return Err(BadNote::Text);
    }
    std::str::from_utf8(bytes).map_err(|_| BadNote::Text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn vkey(seed: u8, name: &str) -> Vkey {
        Vkey::new(name, KeyMaterial::Ed25519(key(seed).public())).unwrap()
    }

    fn signed() -> Note {
        let mut note = Note::new("one\n\ntwo\n").unwrap();
        note.sign("a.example", &key(1)).unwrap();
        note.sign("b.example", &key(2)).unwrap();
        note
    }

    #[test]
    fn a_note_reads_back_and_verifies_by_either_key() {
        let note = Note::parse(signed().write().as_bytes()).unwrap();
        assert_eq!(note, signed());
        assert_eq!(note.text(), "one\n\ntwo\n");
        for known in [vec![vkey(1, "a.example")], vec![vkey(2, "b.example")]] {
            assert_eq!(note.verify(&known).map(|lines| lines.len()), Ok(1));
        }
        assert_eq!(note.verify(&[vkey(3, "a.example")]), Err(BadNote::Unsigned));
    }

    #[test]
    fn a_bad_line_of_a_known_key_refuses_the_whole_note() {
        let mut note = Note::new("text\n").unwrap();
        note.sign("a.example", &key(1)).unwrap();
        let forged = SignatureLine::new("b.example", vkey(2, "b.example").id(), &[0; 64]).unwrap();
        note.add(forged).unwrap();
        assert!(note.verify(&[vkey(1, "a.example")]).is_ok());
        let both = [vkey(1, "a.example"), vkey(2, "b.example")];
        assert_eq!(note.verify(&both), Err(BadNote::Signature("b.example".into())));
    }

    #[test]
    fn a_repeated_line_counts_once_and_a_doubled_key_only_when_claimed() {
        let mut text = signed().write();
        let last = text.lines().last().unwrap().to_owned();
        text.push_str(&format!("{last}\n"));
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.verify(&[vkey(2, "b.example")]).map(|lines| lines.len()), Ok(1));
        let twice = [vkey(1, "a.example"), vkey(1, "a.example")];
        assert_eq!(note.verify(&twice), Err(BadNote::Ambiguous("a.example".into())));
        let other = [vkey(1, "a.example"), vkey(3, "c.example"), vkey(3, "c.example")];
        assert!(note.verify(&other).is_ok());
    }

    #[test]
    fn more_lines_than_the_bound_are_refused() {
        let line = |n: usize| format!("\u{2014} key{n} AAAAAAA=\n");
        let note = |count: usize| format!("text\n\n{}", (0..count).map(line).collect::<String>());
        assert!(Note::parse(note(limits::NOTE_SIGNATURES).as_bytes()).is_ok());
        assert_eq!(Note::parse(note(limits::NOTE_SIGNATURES + 1).as_bytes()), Err(BadNote::Oversized));
    }

    #[test]
    fn no_cut_or_flipped_byte_passes_as_the_same_note() {
        let bytes = signed().write().into_bytes();
        let known = [vkey(1, "a.example"), vkey(2, "b.example")];
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let both = Note::parse(&changed).and_then(|note| note.verify(&known).map(|lines| lines.len()));
            assert_ne!(both, Ok(2), "byte {place}");
            let cut = Note::parse(&bytes[..place]).and_then(|note| note.verify(&known).map(|lines| lines.len()));
            assert_ne!(cut, Ok(2), "cut at {place}");
        }
    }
}
