//! The code lists of the sharing decision.

use crate::vocabulary::{HIGHEST_CODE, Table, Vocabulary, vocabularies};
use std::fmt;

// The constants of every list, made from the operator schema.
include!(concat!(env!("OUT_DIR"), "/operator_codes.rs"));

vocabularies! {
    /// Why less would not do.
    Necessity = "necessity";
    /// Whether the child was informed and heard, or why not.
    ChildHeard = "child_heard";
    /// Whether the guardian was informed, or why not.
    GuardianInformed = "guardian_informed";
    /// Why an alert that two people answer for left in the name of one.
    ApprovalOverride = "approval_override", closed;
    /// Risk of harm that was found when the decision was made.
    Harm = "harm";
}
