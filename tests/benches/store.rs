//! What the store costs: batches of 100 rows of 600 bytes, durable one by one, beside the same bytes in a raw file.
//!
//! `cargo bench -p varde-tests --bench store [-- BATCHES]` (400 unless told). Each case runs in a process of its own, three
//! times in turn; the median counts. The last line is the memory of a store that took in 193,025 sealed records of 300 bytes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::sled::SledStore;
use varde_node::port::{Batch, Entropy, Store};
use varde_node::rows::numbered;
use varde_node::vault::Vault;
use varde_tests::bench::{Figures, disk_bytes, median, scratch};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ROWS: u64 = 100;
const ROW_BYTES: usize = 600;
const RECORDS: u64 = 193_025;
const RECORD_BYTES: usize = 300;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [part, batches] = &args[..] {
        let figures = run(part, batches.parse()?)?;
        println!("{figures}");
        return Ok(());
    }
    let batches = args.first().map_or("400", String::as_str);
    println!(
        "batches of {ROWS} rows of {ROW_BYTES} bytes, {batches} of them, each durable before the next; median of 3"
    );
    println!("{}", Figures::head("batch"));
    let parts = ["raw file", "store, plain", "store, sealed"];
    let mut seen: Vec<Vec<Figures>> = vec![Vec::new(); parts.len()];
    for _ in 0..3 {
        for (part, seen) in parts.iter().zip(&mut seen) {
            seen.push(child(part, batches)?);
        }
    }
    for (part, seen) in parts.iter().zip(seen) {
        println!("{}", median(seen).line(part));
    }
    let import = child("import", "0")?;
    println!("{RECORDS} sealed records of {RECORD_BYTES} bytes in batches of 256:");
    println!("{}", import.line("import"));
    Ok(())
}

fn child(part: &str, batches: &str) -> Outcome<Figures> {
    let output = Command::new(std::env::current_exe()?).args([part, batches]).output()?;
    if !output.status.success() {
        return Err(format!("{part}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.parse()?)
}

fn run(part: &str, batches: u64) -> Outcome<Figures> {
    let dir = scratch()?;
    let syncs = Arc::new(AtomicU64::new(0));
    let mut bytes = vec![0; ROW_BYTES.max(RECORD_BYTES)];
    SystemEntropy.fill(&mut bytes);
    let mut case = Case::open(part, dir.path(), &syncs)?;
    let (count, rows, length) = match part {
        "import" => (RECORDS.div_ceil(256), 256, RECORD_BYTES),
        _ => (batches, ROWS, ROW_BYTES),
    };
    let mut spans = Vec::new();
    for n in 0..count {
        let started = Instant::now();
        case.commit(n * rows, rows, &mut bytes[..length])?;
        spans.push(started.elapsed());
    }
    drop(case);
    Ok(Figures::new(spans, syncs.load(Ordering::Relaxed), disk_bytes(dir.path())?))
}

enum Case {
    Raw(File, Arc<AtomicU64>),
    Plain(SledStore),
    Sealed(SledStore, Box<Vault>),
}

impl Case {
    fn open(part: &str, dir: &Path, syncs: &Arc<AtomicU64>) -> Outcome<Self> {
        if part == "raw file" {
            return Ok(Self::Raw(File::create(dir.join("raw"))?, Arc::clone(syncs)));
        }
        let counted = Arc::clone(syncs);
        let sync = move |file: &File| {
            counted.fetch_add(1, Ordering::Relaxed);
            file.sync_data()
        };
        let store = SledStore::open_with(&dir.join("store"), Box::new(sync))?;
        if part == "store, plain" {
            return Ok(Self::Plain(store));
        }
        let entropy = Arc::new(SystemEntropy);
        let keyring = FileKeyring::open(&dir.join("keyring"), true, entropy.clone())?;
        let vault = Vault::new(Arc::new(keyring), entropy, &store)?;
        Ok(Self::Sealed(store, Box::new(vault)))
    }

    /// Writes rows `first..first + rows`; the bytes differ from row to row and do not compress.
    fn commit(&mut self, first: u64, rows: u64, bytes: &mut [u8]) -> Outcome<()> {
        let mut batch = Batch::default();
        for n in first..first + rows {
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            match self {
                Self::Raw(file, _) => file.write_all(bytes)?,
                Self::Plain(_) => batch.put(numbered(b'n', n), &*bytes),
                Self::Sealed(_, vault) => vault.seal(&mut batch, numbered(b'n', n), None, bytes)?,
            }
        }
        match self {
            Self::Raw(file, syncs) => {
                syncs.fetch_add(1, Ordering::Relaxed);
                file.sync_data()?;
            }
            Self::Plain(store) | Self::Sealed(store, _) => store.commit(batch)?,
        }
        Ok(())
    }
}
