//! The senders' proofs: with each item taken came a tlog-proof of the sender's own leaf about it. Who keeps them can show what
//! the sender once signed, whatever its log says later.

use super::channels::{Channel, about};
use super::codes;
use super::files::Files;
use super::layout::sent_folder;
use super::leaves::Leaves;
use super::receipts::{Receipts, Same, Sort, Wrong, same_item};
use super::shown::Shown;
use super::source::Unreadable;
use crate::id::LogIndex;
use crate::log::event::{Direction, Kind};

const SENT_PROOF: Sort = Sort {
    direction: Direction::In,
    folder: sent_folder,
    under: "sent/",
    misplaced: "is not where senders' proofs lie",
    judge: Receipts::sent_proof,
};

impl Receipts {
    /// Reads every sender's proof; each item taken must have one.
    pub(super) fn sent_proofs(&mut self, files: &mut Files<'_>, leaves: &mut Leaves<'_>) -> Result<(), Unreadable> {
        self.proofs(&SENT_PROOF, files, leaves)?;
        self.compare_taken(files, leaves);
        Ok(())
    }

    fn sent_proof(&mut self, channel: &Channel, seq: u64, shown: Shown, leaves: &mut Leaves<'_>) {
        if leaves.peers.get(&channel.peer).is_none() {
            // Nobody's key to check it with, which is said of the item.
            self.bad.insert((channel.clone(), seq));
            return;
        }
        let (code, text) = match self.verify_sent(channel, seq, shown, leaves) {
            Ok(index) => {
                leaves.channels.prove(channel, seq, index);
                return;
            }
            Err(Wrong::Unknowable) => {
                self.bad.insert((channel.clone(), seq));
                return;
            }
            Err(Wrong::Invalid(text)) => (codes::SENT_PROOF_INVALID, text),
            Err(Wrong::Other(text)) => (codes::SENT_PROOF_DIFFERS, text),
        };
        self.bad.insert((channel.clone(), seq));
        leaves.out.add(about(code, text, channel, seq));
    }

    fn verify_sent(
        &mut self,
        channel: &Channel,
        seq: u64,
        shown: Shown,
        leaves: &mut Leaves<'_>,
    ) -> Result<LogIndex, Wrong> {
        let (index, event) = self.leaf(channel, shown, leaves)?;
        let sends = matches!(event.kind, Kind::SENT | Kind::QUERY_SENT | Kind::ANSWER_SENT | Kind::ABANDONED);
        if !sends || event.direction != Direction::Out {
            return Err(Wrong::Other("the leaf it shows is not about this item".into()));
        }
        match same_item(&event, channel, seq, leaves)? {
            Same::Yes | Same::Unknowable => {}
            Same::Other => return Err(Wrong::Other("the peer sent another item under this number".into())),
            Same::None => return Err(Wrong::Other("the log does not say that this item was taken".into())),
        }
        let taken = leaves.channels.item(channel, seq).map(|item| item.kind == Kind::ABANDONED);
        if taken.is_some_and(|abandoned| abandoned != (event.kind == Kind::ABANDONED)) {
            return Err(Wrong::Other(format!("the peer's leaf is `{}`", event.kind.name())));
        }
        Ok(index)
    }

    fn compare_taken(&self, files: &Files<'_>, leaves: &mut Leaves<'_>) {
        let Leaves { channels, peers, out, .. } = leaves;
        for (channel, items) in channels.iter().filter(|(channel, _)| channel.direction == Direction::In) {
            let stranger = peers.get(&channel.peer).is_none();
            if stranger || files.lost(&sent_folder(&channel.peer, channel.class)) {
                continue;
            }
            for item in items.iter().filter(|item| item.proof().is_none()) {
                if !self.bad.contains(&(channel.clone(), item.seq)) {
                    let text =
                        format!("taken from {}, and its proof that it was sent is not in the bundle", channel.peer);
                    let finding = about(codes::SENT_PROOF_MISSING, text, channel, item.seq).at(item.index);
                    out.add(finding.between(Some(item.time), Some(item.time)));
                }
            }
        }
    }
}
