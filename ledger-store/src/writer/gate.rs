//! The queue's bound, counted in requests.

use parking_lot::{Condvar, Mutex};

use super::QUEUE_REQUESTS_MAX;

/// Counts the requests that wait, so that the queue is bounded in requests, not in submissions.
#[derive(Debug, Default)]
pub(super) struct Gate {
    waiting: Mutex<Waiting>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    /// Nobody takes requests any more, so nobody may wait for room.
    closed: bool,
}

impl Gate {
    pub(super) fn try_enter(&self, requests: usize) -> bool {
        let mut waiting = self.waiting.lock();
        let free = waiting.has_room(requests);
        if free {
            waiting.requests += requests;
        }
        free
    }

    pub(super) fn enter(&self, requests: usize) {
        let mut waiting = self.waiting.lock();
        self.left
            .wait_while(&mut waiting, |waiting| !waiting.has_room(requests));
        waiting.requests += requests;
    }

    pub(super) fn leave(&self, requests: usize) {
        self.waiting.lock().requests -= requests;
        self.left.notify_all();
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().requests
    }

    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.left.notify_all();
    }
}

impl Waiting {
    fn has_room(&self, requests: usize) -> bool {
        self.closed || self.requests + requests <= QUEUE_REQUESTS_MAX
    }
}
