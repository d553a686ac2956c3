//! Threads that do an audit's checks, one for each processor.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use varde_proto::audit::{Crew, Task};

/// Threads at work.
pub(super) struct Threads(Sender<Task>);

impl Crew for Threads {
    fn give(&self, task: Task) {
        // They end only after this is gone; should they have, the check is done here.
        if let Err(SendError(task)) = self.0.send(task) {
            task();
        }
    }
}

/// Does some work with threads beside it, and waits until they have ended.
pub(super) fn with<T>(work: impl FnOnce(&Threads) -> T) -> T {
    let (give, tasks) = channel();
    let tasks = Mutex::new(tasks);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(task) = next(&tasks) {
                    task();
                }
            });
        }
        let threads = Threads(give);
        work(&threads)
    })
}

fn next(tasks: &Mutex<Receiver<Task>>) -> Option<Task> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
