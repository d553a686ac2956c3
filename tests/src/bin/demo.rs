//! `cargo demo`: four countries exchange their first alert and trends, and an auditor proves it.
//!
//! `cargo demo -- [--keep]`. Exit codes: 0 the story ended well, 1 it did not, 2 usage. Everything happens in a new folder,
//! which stays; `--keep` leaves the four nodes running as well.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use varde_tests::harness::{Country, Trouble, binaries};
use varde_tests::story::{STEPS, Story};

const USAGE: &str = "usage: cargo demo [-- --keep]\n  --keep   leave the four nodes running at the end\n";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let keep = match words[..] {
        [] => false,
        ["--keep"] => true,
        ["--help" | "-h"] => return print(USAGE),
        _ => return complain(USAGE, 2),
    };
    match tell(keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => complain(&format!("\nThe demonstration failed: {trouble}\n"), 1),
    }
}

fn tell(keep: bool) -> Result<(), Trouble> {
    let start = Instant::now();
    let bin = &binaries()?.varde;
    say(&format!("varde and varde-node are built: {} ({})\n", bin.display(), took(start.elapsed())));
    let home = tempfile::Builder::new().prefix("varde-demo-").tempdir()?.keep();
    let mut story = Story::new(&home);
    let start = Instant::now();
    for (number, step) in STEPS.iter().enumerate() {
        let start = Instant::now();
        let lines = (step.tell)(&mut story)?;
        say(&format!("\n{}. {}  ({})\n", number + 1, capital(step.title), took(start.elapsed())));
        for line in lines {
            say(&format!("   {line}\n"));
        }
    }
    say(&format!("\nAll of it took {}.\n", took(start.elapsed())));
    farewell(&mut story, keep);
    Ok(())
}

/// Where everything lies, and which commands to try next.
fn farewell(story: &mut Story, keep: bool) {
    let home = story.home().display();
    say(&format!("\nEverything lies in {home}: a folder for each country, and its node's log beside it.\n"));
    if let Some(bin) = binaries().ok().and_then(|b| b.varde.parent()) {
        say(&format!("\nTo try more:\n   export PATH=\"{}:$PATH\"\n   cd {home}\n", bin.display()));
    }
    if keep {
        say("   varde status --dir ee\n   varde alert inbox --dir ee\n   varde trend show LT --dir ee\n");
    } else {
        say("   varde-node --dir ee &\n   varde alert inbox --dir ee\n");
    }
    say(
        "   varde audit verify no.bundle ee.bundle\nA page each for the coordinator, the analyst and the auditor is in docs/guides.\n",
    );
    if keep {
        let pids: Vec<String> = story.countries().iter().filter_map(Country::pid).map(|p| p.to_string()).collect();
        say(&format!("\nThe four nodes go on running. To stop them:\n   kill {}\n", pids.join(" ")));
        story.let_go();
    } else {
        say("\nThe nodes are stopped; `cargo demo -- --keep` leaves them running.\n");
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn took(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever stops reading does not stop the story.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn print(text: &str) -> ExitCode {
    say(text);
    ExitCode::SUCCESS
}

fn complain(text: &str, code: u8) -> ExitCode {
    // Nobody is left to tell if stderr is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}
