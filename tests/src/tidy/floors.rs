//! Arrows point down only: who may name whom. The map is `docs/architecture.md`, "Floors".

use super::{Breach, Source};

/// A floor: whose files, what they never name, and why.
struct Floor {
    files: &'static str,
    but_not: &'static [&'static str],
    never: &'static [&'static str],
    why: &'static str,
}

const PURE: &str = "it is pure: time, chance, files and sockets are its caller's";

const FLOORS: [Floor; 9] = [
    Floor {
        files: "proto/src/",
        but_not: &[],
        never: &[
            "tokio",
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::thread",
            "std::time::SystemTime",
            "std::time::Instant",
            "getrandom",
            "varde_node",
        ],
        why: "`proto` is what an auditor links: no clock, no file, no socket, no async, no chance",
    },
    Floor {
        files: "proto/src/",
        but_not: &["proto/src/wire.rs"],
        never: &["tonic"],
        why: "`tonic` stands only in generated code",
    },
    Floor {
        files: "node/src/national/",
        but_not: &[],
        never: &[
            "crate::state",
            "crate::flow",
            "crate::edge",
            "crate::port",
            "varde_proto::envelope",
            "varde_proto::log",
            "tonic",
        ],
        why: "`national` sees records, so it has no way to send",
    },
    Floor {
        files: "node/src/national/",
        but_not: &[],
        never: &["tokio", "std::fs", "std::net", "std::time::SystemTime", "std::time::Instant", "getrandom", "sled"],
        why: PURE,
    },
    Floor {
        files: "node/src/state/",
        but_not: &[],
        never: &["crate::national", "crate::flow", "crate::edge", "crate::port", "tonic"],
        why: "`state` is what we promised; it does not know records, nor who calls it",
    },
    Floor {
        files: "node/src/state/",
        but_not: &[],
        never: &["tokio", "std::fs", "std::net", "std::time::SystemTime", "std::time::Instant", "getrandom", "sled"],
        why: PURE,
    },
    Floor {
        files: "node/src/flow/",
        but_not: &[],
        never: &[
            "crate::edge",
            "tonic",
            "varde_proto::wire::operator",
            "tokio::net",
            "std::fs",
            "std::net",
            "std::time::SystemTime",
            "sled",
            "rustls",
        ],
        why: "`flow` meets the world through `port`",
    },
    Floor {
        files: "cli/",
        but_not: &[],
        never: &["varde_node", "sled"],
        why: "the command line speaks to its node over the operator door",
    },
    Floor {
        files: "cli/src/audit",
        but_not: &[],
        never: &["crate::client", "tokio::net", "std::net", "tonic"],
        why: "`varde audit` needs no node and no network",
    },
];

/// No file names a floor above it, or a neighbour it must not know. Tests beside the code may.
pub(super) fn imports(source: &Source) -> Vec<Breach> {
    let module = module_of(&source.path);
    let mut breaches = Vec::new();
    if is_test_file(&source.path) {
        return breaches;
    }
    let floors = FLOORS.iter().filter(|f| source.under(f.files) && !f.but_not.contains(&source.path.as_str()));
    let floors: Vec<&Floor> = floors.collect();
    if floors.is_empty() {
        return breaches;
    }
    for named in source.scanned.paths().into_iter().filter(|n| !source.scanned.is_test(n.line)) {
        let path = resolve(&module, &named.path);
        for floor in &floors {
            if let Some(never) = floor.never.iter().find(|n| leads_to(&path, n)) {
                breaches.push(source.breach(named.line, format!("names `{never}`: {}", floor.why)));
            }
        }
        if source.under("proto/src/") && matches!(path.as_slice(), [one] if one == "async" || one == "await") {
            breaches.push(source.breach(named.line, "is async: `proto` is pure"));
        }
    }
    breaches.dedup();
    breaches
}

fn leads_to(path: &[String], never: &str) -> bool {
    let never: Vec<&str> = never.split("::").collect();
    // A word alone is a path only where a `use` or `::` follows; a variable called `log` is no import.
    let long_enough = path.len() > 1 || never.len() > 1;
    long_enough && path.len() >= never.len() && path.iter().zip(&never).all(|(a, b)| a == b)
}

/// `node/src/state/channel.rs` is `crate::state::channel`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.split("/src/").nth(1).unwrap_or("").trim_end_matches(".rs");
    let parts = inside.split('/').filter(|p| !matches!(*p, "mod" | "lib" | "main" | ""));
    std::iter::once("crate").chain(parts).map(str::to_owned).collect()
}

/// Without `self` and `super`.
fn resolve(module: &[String], path: &[String]) -> Vec<String> {
    let climbs = path.iter().take_while(|p| matches!(p.as_str(), "self" | "super")).count();
    if climbs == 0 {
        return path.to_vec();
    }
    let up = path[..climbs].iter().filter(|p| *p == "super").count();
    let kept = module.len().saturating_sub(up).max(1);
    module[..kept].iter().chain(&path[climbs..]).cloned().collect()
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/src/") && path.contains("/tests/")
}

/// Files of `node::edge` that the peers' half does not include; whatever else lies there is the peers' half.
const NOT_PEERS: [&str; 5] = [
    "node/src/edge/operator/",
    "node/src/edge/store",
    "node/src/edge/keyring",
    "node/src/edge/status.rs",
    "node/src/edge/mod.rs",
];

/// The doors of a country, each in one place: what leaves is signed, and what comes is verified and admitted, nowhere else.
const DOORS: [(&str, &str, &[&str], &str); 4] = [
    (
        "envelope",
        "sign",
        &["node/src/flow/outbox.rs"],
        "what leaves is signed by `outbox::sign` alone, which judges it as its recipients will",
    ),
    ("envelope", "verify", &["node/src/flow/receive.rs"], "what comes is verified by `receive::admit` alone"),
    ("receive", "admit", &["node/src/flow/outbox.rs"], "what comes is admitted in `flow::receive` alone"),
    (
        "receive",
        "admitted_before",
        &["node/src/flow/recover/adopt.rs"],
        "only what our own log says that we took is read so",
    ),
];

/// Names that belong to one place.
pub(super) fn guarded_names(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let ours = source.under("node/src/") || source.under("proto/src/");
    if !ours || is_test_file(&source.path) {
        return breaches;
    }
    let peers = source.under("node/src/edge/") && !NOT_PEERS.iter().any(|p| source.under(p));
    for named in source.scanned.paths().into_iter().filter(|n| !source.scanned.is_test(n.line)) {
        if peers && (named.path.iter().any(|p| p == "Record") || leads_to(&named.path, "crate::national")) {
            breaches.push(source.breach(named.line, "the code that can send has never heard of a record"));
        }
        for (module, name, places, why) in DOORS.iter().filter(|_| source.under("node/src/")) {
            let through = named.path.windows(2).any(|pair| pair[0] == *module && pair[1] == *name);
            if through && !places.contains(&source.path.as_str()) {
                breaches.push(source.breach(named.line, *why));
            }
        }
        let builds = named.path.windows(2).any(|w| w[0] == "Status" && w[1].starts_with(char::is_lowercase));
        if builds && source.under("node/src/") && source.path != "node/src/edge/status.rs" {
            breaches.push(source.breach(named.line, "a `tonic::Status` is built in node/src/edge/status.rs alone"));
        }
    }
    breaches.extend(secret_shows(source));
    breaches
}

/// Types that are made in one file and never printed.
fn secret_shows(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut derives = String::new();
    for (number, line) in source.scanned.lines() {
        let bare = line.trim();
        if bare.starts_with("#[derive") {
            derives = bare.to_owned();
        }
        let proves = |derive: &str| derives.contains(derive) && bare.contains("struct Verified");
        if proves("Default") || proves("Deserialize") || bare.contains("Default for Verified") {
            breaches.push(source.breach(number, "nothing but `verify` makes a `Verified`"));
        }
        let literal =
            bare.contains("Verified {") && !["impl", "for ", "struct ", "::Verified"].iter().any(|w| bare.contains(w));
        let own = source.text.contains("struct Verified {");
        if literal && !own && source.under("proto/src/") && source.path != "proto/src/envelope.rs" {
            breaches.push(source.breach(number, "nothing but `verify` makes a `Verified`"));
        }
        for secret in ["Record", "SecretKey"] {
            if bare.ends_with(&format!("Display for {secret} {{")) {
                breaches.push(source.breach(number, format!("a {secret} is never printed")));
            }
        }
        if !bare.starts_with("#[") && !bare.is_empty() {
            derives.clear();
        }
    }
    breaches
}

/// What a manifest or a schema must not lead to.
pub(super) fn manifests_and_schemas(source: &Source) -> Vec<Breach> {
    let (wanted, text) = match source.path.as_str() {
        "cli/Cargo.toml" => (vec!["varde-node", "sled"], "`cli` never depends on the node"),
        "proto/Cargo.toml" => (vec!["tokio", "varde-node", "getrandom"], "`proto` is pure"),
        path if path.starts_with("proto/schema/varde/peer/") => {
            (vec!["import \"varde/operator", "varde.operator"], "the peer schema never imports the operator schema")
        }
        _ => return Vec::new(),
    };
    let hits =
        source.lines().filter(|(_, l)| wanted.iter().any(|w| l.starts_with(w) || l.contains('"') && l.contains(w)));
    hits.map(|(number, _)| source.breach(number, text)).collect()
}
