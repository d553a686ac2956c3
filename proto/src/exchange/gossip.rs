//! What one node tells another of other logs, in a frame of heads: the heads that it verified, what it was told and cannot
//! connect, and proofs of forks. Form and bounds only; what is believed is the node's business.

use super::{BadFrame, KnownHead, Proven, bound, digest_bytes, read_checkpoint, read_hashes, read_known, read_proven};
use super::{write_known, write_proven};
use crate::id::{Digest, Origin};
use crate::limits;
use crate::log::fork::Claim;
use crate::wire::peer;
use bytes::Bytes;

/// What a frame of heads says besides its own head.
#[derive(Debug, Clone)]
pub struct Gossip {
    /// The receiver's newest head as the sender verified it.
    pub your_log: KnownHead,
    /// Newest heads of other logs that the sender verified.
    pub others: Vec<LogHead>,
    /// Heads of the receiver's log that the sender cannot connect with what it verified; not yet verified.
    pub asked: Vec<peer::Checkpoint>,
    /// What connects heads that the receiver asked about with the frame's own.
    pub joined: Vec<Joined>,
    /// Proofs of forks, not yet checked.
    pub forks: Vec<Claim>,
}

/// A head of some log, not yet verified.
#[derive(Debug, Clone)]
pub struct LogHead {
    /// Whose.
    pub origin: Origin,
    /// The head.
    pub checkpoint: peer::Checkpoint,
}

/// What connects a smaller head with the frame's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Leaves of the smaller one.
    pub size: u64,
    /// RFC 6962 consistency proof; empty for the frame's own size.
    pub consistency: Vec<Digest>,
}

impl Gossip {
    /// Nothing of other logs.
    pub fn none(your_log: KnownHead) -> Self {
        Self { your_log, others: Vec::new(), asked: Vec::new(), joined: Vec::new(), forks: Vec::new() }
    }

    /// Whether it says anything of other logs, or asks or answers.
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.asked.is_empty() && self.joined.is_empty() && self.forks.is_empty()
    }
}

pub(super) fn read(heads: peer::Heads) -> Result<(Proven, Gossip), BadFrame> {
    let peer::Heads { checkpoint, from_size, consistency, your_log, cosigned, entries, others, asked, joined, forks } =
        heads;
    let proven = read_proven(checkpoint, from_size, consistency, cosigned, &entries)?;
    bound(others.len() <= limits::PEERS, "others")?;
    bound([asked.len(), joined.len(), forks.len()].iter().all(|count| *count <= limits::GOSSIP), "gossip")?;
    let other = |peer::LogHead { origin, checkpoint }| {
        let origin = Origin::parse(&origin).map_err(|_| BadFrame::Field("others"))?;
        Ok(LogHead { origin, checkpoint: read_checkpoint(checkpoint)? })
    };
    let join =
        |peer::Joined { size, consistency }| Ok(Joined { size, consistency: read_hashes(consistency, "joined")? });
    let gossip = Gossip {
        your_log: read_known(your_log)?,
        others: others.into_iter().map(other).collect::<Result<_, _>>()?,
        asked: asked.into_iter().map(|head| read_checkpoint(Some(head))).collect::<Result<_, _>>()?,
        joined: joined.into_iter().map(join).collect::<Result<_, _>>()?,
        forks: forks.iter().map(|body| Claim::read(body).ok_or(BadFrame::Field("forks"))).collect::<Result<_, _>>()?,
    };
    Ok((proven, gossip))
}

pub(super) fn write(proven: Proven, gossip: Gossip) -> peer::Heads {
    let (checkpoint, from_size, consistency, cosigned, entries) = write_proven(proven);
    let Gossip { your_log, others, asked, joined, forks } = gossip;
    let other = |LogHead { origin, checkpoint }: LogHead| peer::LogHead {
        origin: origin.as_str().to_owned(),
        checkpoint: Some(checkpoint),
    };
    let join = |Joined { size, consistency }: Joined| peer::Joined {
        size,
        consistency: consistency.iter().map(digest_bytes).collect(),
    };
    peer::Heads {
        checkpoint,
        from_size,
        consistency,
        your_log: Some(write_known(your_log)),
        cosigned,
        entries,
        others: others.into_iter().map(other).collect(),
        asked,
        joined: joined.into_iter().map(join).collect(),
        forks: forks.iter().map(|claim| Bytes::from(claim.write())).collect(),
    }
}
