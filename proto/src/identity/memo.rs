//! Signatures that were checked before, for simulations alone: there all nodes are one process, and each checks what every other one
//! has checked. Built with `--cfg varde_simulation` and never otherwise; the verdict is the same, being a function of its bytes.

use super::key::BadSignature;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;

/// Verdicts that are kept; then it begins anew.
const KEPT: usize = 1 << 18;

thread_local! {
    static VERDICTS: RefCell<HashMap<[u8; 32], Result<(), BadSignature>>> = RefCell::default();
}

/// The verdict about key, signature and message, found once.
pub(super) fn once(parts: [&[u8]; 3], verify: impl FnOnce() -> Result<(), BadSignature>) -> Result<(), BadSignature> {
    let mut name = Sha256::new();
    parts.iter().for_each(|part| name.update(part));
    let name = name.finalize().into();
    VERDICTS.with_borrow_mut(|verdicts| {
        if verdicts.len() >= KEPT {
            verdicts.clear();
        }
        *verdicts.entry(name).or_insert_with(verify)
    })
}
