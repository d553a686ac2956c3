//! Checks that may be done beside each other: they depend on nothing but what they are given. There are no threads in this
//! crate; whoever calls may bring some.

use super::source::Unreadable;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};

/// A check to be done, now or soon, here or on another thread.
pub type Task = Box<dyn FnOnce() + Send>;

/// Who does the checks.
pub trait Crew {
    /// Does a task, or sees to it that it is done.
    fn give(&self, task: Task);
}

/// Does each task at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Crew for Alone {
    fn give(&self, task: Task) {
        task();
    }
}

/// Pieces of work under way at once: enough to keep a few threads busy, few enough that memory does not grow with the log.
const AHEAD: usize = 8;

/// Work under way, in the order in which it was given.
pub(super) struct Line<'c, T> {
    crew: &'c dyn Crew,
    due: VecDeque<Receiver<T>>,
}

impl<'c, T: Send + 'static> Line<'c, T> {
    pub(super) fn new(crew: &'c dyn Crew) -> Self {
        Self { crew, due: VecDeque::new() }
    }

    /// Whether a result should be taken before more work is given.
    pub(super) fn is_full(&self) -> bool {
        self.due.len() >= AHEAD
    }

    pub(super) fn give(&mut self, work: impl FnOnce() -> T + Send + 'static) {
        let (done, due) = channel();
        // Who no longer waits for the result has found the reason not to.
        self.crew.give(Box::new(move || drop(done.send(work()))));
        self.due.push_back(due);
    }

    /// The result of the oldest work; `None` when there is none under way.
    pub(super) fn take(&mut self) -> Result<Option<T>, Unreadable> {
        let broken = |_| Unreadable { path: "the bundle".into(), reason: "a check was broken off".into() };
        self.due.pop_front().map(|due| due.recv().map_err(broken)).transpose()
    }
}
