//! How much room the disk has left. A commit that finds no room stops the writer for good; so before that nothing more is taken: peers'
//! items wait at the peers, requests to erase among them, and staff are told. What this node does by itself and what staff take back goes
//! on.

use tokio::sync::watch;

/// How much room there is, as the settings judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Room {
    /// Enough.
    #[default]
    Enough,
    /// Little: people must make more.
    Low,
    /// So little that nothing more is taken.
    None,
}

/// What the node knows of it; enough, until somebody looks.
#[derive(Debug, Default)]
pub struct Space(watch::Sender<Room>);

impl Space {
    /// Takes note of what was seen.
    pub fn note(&self, room: Room) {
        self.0.send_if_modified(|known| std::mem::replace(known, room) != room);
    }

    /// How much there is.
    pub fn room(&self) -> Room {
        *self.0.borrow()
    }

    /// Waits until more may be taken.
    pub(super) async fn wait(&self) {
        // Whoever notes lives as long as this.
        let _ = self.0.subscribe().wait_for(|room| *room != Room::None).await;
    }
}
