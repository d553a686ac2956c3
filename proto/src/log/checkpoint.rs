//! The text of a checkpoint: C2SP tlog-checkpoint v1.0.0. Origin, size, root, and extension lines that say nothing here.
//!
//! This is the general form, in which any log's checkpoint is read; heads of our own network, which have no extension lines
//! and whose origin is an [`crate::id::Origin`], are [`super::head`].

use super::codec::{base64, decimal, unbase64_digest};
use crate::id::{Digest, TreeSize};

/// Origin, size and root of a tree, as a log signs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: TreeSize,
    root: Digest,
    extensions: Vec<String>,
}

/// Text that is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// Fewer than three lines, an empty line, or no newline at the end.
    #[error("a checkpoint is at least three lines, none of them empty")]
    Lines,
    /// An origin that could be mistaken for another kind of signed text.
    #[error("the checkpoint's origin begins another kind of signed text")]
    Origin,
    /// Not a decimal number below 2^64 without leading zeros.
    #[error("the checkpoint's size is not a decimal number without leading zeros")]
    Size,
    /// Not the base64 of 32 bytes.
    #[error("the checkpoint's root is not the base64 of 32 bytes")]
    Root,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: &str, size: TreeSize, root: Digest) -> Result<Self, BadCheckpoint> {
        check_origin(origin)?;
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, BadCheckpoint> {
        let body = text.strip_suffix('\n').ok_or(BadCheckpoint::Lines)?;
        let mut lines = body.split('\n');
        let mut next = || lines.next().filter(|line| !line.is_empty()).ok_or(BadCheckpoint::Lines);
        let (origin, size, root) = (next()?, next()?, next()?);
        check_origin(origin)?;
        let size = decimal(size).map(TreeSize).ok_or(BadCheckpoint::Size)?;
        let root = unbase64_digest(root).ok_or(BadCheckpoint::Root)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(BadCheckpoint::Lines);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let extensions: String = self.extensions.iter().map(|line| format!("{line}\n")).collect();
        format!("{}\n{}\n{}\n{extensions}", self.origin, self.size.0, base64(&self.root.0))
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Extension lines, without newlines.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// Signatures over cosignature messages and over DSSE envelopes begin with these words; no log may be named so.
fn check_origin(origin: &str) -> Result<(), BadCheckpoint> {
    if origin.is_empty() || origin.chars().any(|c| c < ' ') {
        return Err(BadCheckpoint::Lines);
    }
    if origin == "cosignature/v1" || origin.starts_with("DSSEv1 ") {
        return Err(BadCheckpoint::Origin);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ROOT: &str = "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=";

    #[test]
    fn a_checkpoint_reads_back_with_its_extension_lines() {
        for text in [format!("a b\n0\n{ROOT}\n"), format!("log.example\n18446744073709551615\n{ROOT}\nmore\n")] {
            assert_eq!(Checkpoint::parse(&text).unwrap().text(), text);
        }
    }

    #[test]
    fn numbers_and_roots_have_one_spelling() {
        for (size, root, wrong) in [
            ("01", ROOT, BadCheckpoint::Size),
            ("+1", ROOT, BadCheckpoint::Size),
            (" 1", ROOT, BadCheckpoint::Size),
            ("18446744073709551616", ROOT, BadCheckpoint::Size),
            ("1", &ROOT[..43], BadCheckpoint::Root),
            ("1", "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb1=", BadCheckpoint::Root),
        ] {
            assert_eq!(Checkpoint::parse(&format!("log.example\n{size}\n{root}\n")), Err(wrong));
        }
    }

    #[test]
    fn an_origin_that_begins_another_signed_text_is_refused() {
        for origin in ["cosignature/v1", "DSSEv1 5"] {
            assert_eq!(Checkpoint::new(origin, TreeSize(0), Digest::NONE), Err(BadCheckpoint::Origin));
            assert_eq!(Checkpoint::parse(&format!("{origin}\n0\n{ROOT}\n")), Err(BadCheckpoint::Origin));
        }
        assert_eq!(Checkpoint::new("", TreeSize(0), Digest::NONE), Err(BadCheckpoint::Lines));
    }
}
