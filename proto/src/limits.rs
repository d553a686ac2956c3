//! Every bound, with its unit and its reason, in one place.

/// Bytes of one payload. Larger things go as numbered parts under a signed list.
pub const PAYLOAD_BYTES: usize = 12 * 1024;
/// Signatures on one envelope: one is used; the second place is for a post-quantum signature.
pub const ENVELOPE_SIGNATURES: usize = 2;
/// Bytes of all signatures of one envelope with their hints: an Ed25519 and an ML-DSA-44 signature (64 and 2,420), so that an
/// envelope always fits a stored row and a descriptor always fits a leaf.
pub const ENVELOPE_SIGNATURE_BYTES: usize = 2_600;
/// Recipients of one payload: more than there are countries.
pub const RECIPIENTS: usize = 256;
/// Items (or receipts) in one frame.
pub const FRAME_ITEMS: usize = 256;
/// Entries of a log in one frame, as the proof of a head or on request: 64 KiB, which holds up an alert behind it for no time
/// that anyone would notice.
pub const FRAME_ENTRIES: usize = 2048;
/// Bytes of one frame.
pub const FRAME_BYTES: usize = 512 * 1024;
/// Bytes the decoder accepts for one message: a frame and its gRPC framing.
pub const MESSAGE_BYTES: usize = FRAME_BYTES + 4 * 1024;
/// Entries of one commit.
pub const COMMIT_ENTRIES: usize = 256;
/// Bytes of one commit.
pub const COMMIT_BYTES: usize = 512 * 1024;
/// Bytes of the body of a leaf's event.
pub const EVENT_BODY_BYTES: usize = 4096;
/// Hashes in an inclusion or consistency proof (C2SP tlog-witness allows 63; a tree of 2^63 leaves needs no more).
pub const PROOF_HASHES: usize = 63;
/// Bytes of a signed note.
pub const NOTE_BYTES: usize = 256 * 1024;
/// Signature lines of a signed note.
pub const NOTE_SIGNATURES: usize = 128;
/// Lines by which a log signs its own head: one, and another while one key follows the other; more are not looked at.
pub const LOG_SIGNATURES: usize = 4;
/// Bytes of a key name (C2SP tlog-cosignature carries its length in one byte).
pub const KEY_NAME_BYTES: usize = 255;
/// Generations of one node's log: their numbers stand in the upper 24 bits of the numbers under which a node stores what is logged.
pub const GENERATIONS: u32 = 1 << 24;
/// Bytes of the newest head in an incident statement, so that a descriptor that embeds the statement fits a leaf.
pub const INCIDENT_HEAD_BYTES: usize = 1024;
/// Bytes of one stored value: the embedded store keeps larger ones in files that it never syncs.
pub const STORED_VALUE_BYTES: usize = 16 * 1024;
/// Items sealed under one bucket key: the cost of an erasure is bounded by rewrapping this many keys.
pub const BUCKET_ITEMS: u64 = 256;
/// Leaves of padding in a row: what brings a size to the next multiple of 16.
pub const PADS: u64 = 15;
/// Classes of a channel: 0 local, 1 urgent, 2 alert, 3 summary and budget, 4 query, 5 control, 6 register.
pub const CLASSES: u8 = 7;
/// The class of erasures and their proofs, which outlast every agreement.
pub const CONTROL: u8 = 5;
/// Bytes of an agency's name or reference in a record: longer texts are narratives, which have no place in it.
pub const RECORD_TEXT_BYTES: usize = 64;
/// Codes of one vocabulary in a record: more than the longest list of domain values that one case has shown.
pub const RECORD_CODES: usize = 40;
/// Citizenships of one child.
pub const RECORD_CITIZENSHIPS: usize = 8;
/// Places of one case, each with its role.
pub const RECORD_PLACES: usize = 24;
/// Events of a child's way through the national referral mechanism.
pub const RECORD_STAGES: usize = 64;
/// Bytes of one record as stored, before sealing: all the bounds above together stay below it.
pub const RECORD_BYTES: usize = 4096;
/// Rows in one batch of an import: one commit each.
pub const IMPORT_BATCH_ROWS: usize = 200;
/// Bytes of one batch of an import: with IMPORT_BATCH_ROWS, what the node holds in memory for an import.
pub const IMPORT_BATCH_BYTES: usize = 256 * 1024;
/// Bytes of one line of an imported file: some hundred times a real one; a longer line is refused without being held.
pub const IMPORT_LINE_BYTES: usize = 64 * 1024;
/// Bytes of a signed document as text (genesis, descriptor, acceptance): an envelope of the largest payload in base64.
pub const ARMOR_BYTES: usize = 20 * 1024;
/// Key statements of one log: more than a rotation a month of every role in the life of a log.
pub const KEY_STATEMENTS: u32 = 256;
/// Days for which a node goes on showing a TLS key that it replaced: every connection is renewed once a day, so whoever is in
/// touch has heard of the new one by then.
pub const TLS_TURN_DAYS: u32 = 7;
/// Days for which peers go on accepting it: a week more, for clocks and for whoever dials seldom.
pub const TLS_GRACE_DAYS: u32 = 14;
/// Bytes of one key statement in a log: the body of its leaf.
pub const KEY_STATEMENT_BYTES: usize = EVENT_BODY_BYTES;
/// Bytes of a log's genesis with all its key statements as text.
pub const KEY_HISTORY_BYTES: usize = 1024 * 1024;
/// Days between the two ends of a descriptor's validity, at most: two years, one of them a leap year.
pub const DESCRIPTOR_DAYS: u64 = 731;
/// Days a TLS certificate is valid; re-issued under the same key at two thirds.
pub const CERTIFICATE_DAYS: u64 = 90;
/// Bytes of a TLS certificate in DER. Ours have about 400.
pub const CERTIFICATE_BYTES: usize = 4 * 1024;
/// Bytes of `varde.toml`.
pub const CONFIG_BYTES: usize = 64 * 1024;
/// Operator credentials in `varde.toml`.
pub const OPERATORS: usize = 1000;
/// Peers of one node: more than there are countries.
pub const PEERS: usize = 256;
/// Heads that one frame asks about, answers for, or proves to be forked: more than an honest network ever has at once.
pub const GOSSIP: usize = 16;
/// Largest noise variance of a summary's table, in 1/1024: a standard deviation of 2,048, beyond any use.
pub const SUMMARY_SIGMA2_Q10: u64 = 1 << 32;
/// Largest magnitude of a summary's cell: more children than any country has, and small enough for exact sums.
pub const SUMMARY_CELL: u64 = 1_000_000_000;
/// Bytes of a program's version.
pub const SOFTWARE_BYTES: usize = 32;
/// Versions of one alert: a pointer that is renewed every two weeks for a year has 27.
pub const VERSIONS: u32 = 255;
/// Codes in one list of an alert: more than any list has that makes sense at once, far below what fills a payload.
pub const ALERT_CODES: usize = 32;
/// Countries with a role in one alert.
pub const ALERT_COUNTRIES: usize = 32;
/// Stops of a route: eight countries are more than any corridor that was reported.
pub const ALERT_STOPS: usize = 8;
/// Countries to which a missing child may have gone.
pub const ALERT_DESTINATIONS: usize = 3;
/// Bytes of an alert's contact token: 80 random bits.
pub const CONTACT_TOKEN_BYTES: usize = 10;
/// Queries about found children that one country may ask another in one day: more is no longer asking about a child but fishing.
pub const QUERIES_A_DAY: usize = 20;
/// Words about one alert between its issuer and one recipient: more than any case that was ever talked about in codes.
pub const REPLIES: usize = 64;
/// Countries to which one word asks to pass an alert on.
pub const RELAY_COUNTRIES: usize = 8;
/// Bytes of a draft's file (`FILE.json`): a complete example has under 4 KiB.
pub const DRAFT_FILE_BYTES: usize = 64 * 1024;
/// Bytes of a tlog-proof: a note, its path, and whatever another system puts into `extra`.
pub const PROOF_BYTES: usize = 1024 * 1024;
/// Bytes of a request to cosign (C2SP tlog-witness): a note, the size line, and 63 hashes of 45 bytes each.
pub const ADD_CHECKPOINT_BYTES: usize = NOTE_BYTES + 4 * 1024;
/// Bytes of a policy file.
pub const POLICY_BYTES: usize = 256 * 1024;
/// Logs, witnesses and groups (of each) in a policy; C2SP tlog-policy asks for 32 at least.
pub const POLICY_NAMES: usize = 256;
/// Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles).
pub const TILE_WIDTH: u64 = 256;
/// Bytes of a key file (PKCS#8 in PEM).
pub const KEY_FILE_BYTES: usize = 4 * 1024;
/// Restores of which an auditor takes a log's word.
pub const RECOVERIES: usize = 1000;
/// The longest that a release waits for receipts, in milliseconds: a person at a terminal has left by then.
pub const WAIT_MS: u32 = 600_000;
/// Bytes of an agreement's text.
pub const AGREEMENT_BYTES: usize = 8 * 1024;
/// Agreements between two countries of which a node keeps what was said, refused and ended ones among them.
pub const AGREEMENTS: usize = 64;
/// What a greeting says of agreements: words, and texts that the other side may not have.
pub const GREETING_WORDS: usize = 2 * AGREEMENTS;
/// Texts in a greeting.
pub const GREETING_TEXTS: usize = 8;
