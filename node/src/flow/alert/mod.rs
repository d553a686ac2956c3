//! An alert of ours on its way out, and the alerts of others as they lie here: [`drafts`] makes and approves what is to be
//! shared, [`drawn`] draws it from case records, [`release`] signs, logs and owes it in one commit, [`held`] reads back what is ours and what came.

pub mod drafts;
pub mod drawn;
pub mod held;
pub mod index;
pub mod next;
pub mod release;
pub mod review;
