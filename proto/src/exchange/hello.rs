//! The greeting.

use super::{
    BadFrame, KnownHead, Position, Shown, bound, read_checkpoint, read_known, read_position, read_shown, write_known,
    write_position, write_shown,
};
use crate::envelope::Envelope;
use crate::id::Origin;
use crate::limits;
use crate::wire::peer;

/// The first frame of either side.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Lowest and highest protocol version understood.
    pub versions: (u32, u32),
    /// The sender's log.
    pub origin: Origin,
    /// Payload types it reads.
    pub reads: Vec<String>,
    /// Its newest head, not yet verified.
    pub head: peer::Checkpoint,
    /// The receiver's newest head as the sender verified it.
    pub your_log: KnownHead,
    /// How many entries of the receiver's log the sender keeps, from the first on.
    pub your_entries: u64,
    /// How far the receiver's items have come.
    pub received: Vec<Position>,
    /// What was signed of agreements between the two: first the sender's yes to the one in force, then its other words, then the
    /// receiver's as the sender has them.
    pub words: Vec<Envelope>,
    /// Texts of agreements that the receiver may not have.
    pub texts: Vec<String>,
    /// The sender's genesis and key statements, as leaves of `head`; nothing while its keys are those of the genesis.
    pub keys: Vec<Shown>,
}

pub(super) fn read(hello: peer::Hello) -> Result<Hello, BadFrame> {
    let peer::Hello {
        version_min,
        version_max,
        origin,
        reads,
        head,
        your_log,
        received,
        acceptance,
        your_entries,
        keys,
        words,
        texts,
    } = hello;
    bound(words.len() < limits::GREETING_WORDS, "words")?;
    bound(texts.len() <= limits::GREETING_TEXTS, "texts")?;
    bound(texts.iter().all(|text| text.len() <= limits::AGREEMENT_BYTES), "texts")?;
    bound(keys.len() <= limits::KEY_STATEMENTS as usize + 1, "keys")?;
    bound(reads.len() <= 64 && reads.iter().all(|r| r.len() <= 128), "reads")?;
    bound(received.len() <= usize::from(limits::CLASSES), "received")?;
    Ok(Hello {
        versions: (version_min, version_max),
        origin: Origin::parse(&origin).map_err(|_| BadFrame::Field("origin"))?,
        reads,
        head: read_checkpoint(head)?,
        your_log: read_known(your_log)?,
        your_entries,
        received: received.into_iter().map(read_position).collect::<Result<_, _>>()?,
        words: std::iter::once(acceptance.ok_or(BadFrame::Field("acceptance"))?).chain(words).collect(),
        texts,
        keys: keys.into_iter().map(read_shown).collect::<Result<_, _>>()?,
    })
}

pub(super) fn write(hello: Hello) -> peer::Hello {
    let mut words = hello.words.into_iter();
    peer::Hello {
        version_min: hello.versions.0,
        version_max: hello.versions.1,
        origin: hello.origin.as_str().to_owned(),
        reads: hello.reads,
        head: Some(hello.head),
        your_log: Some(write_known(hello.your_log)),
        your_entries: hello.your_entries,
        received: hello.received.into_iter().map(write_position).collect(),
        acceptance: words.next(),
        words: words.collect(),
        texts: hello.texts,
        keys: hello.keys.into_iter().map(write_shown).collect(),
    }
}
