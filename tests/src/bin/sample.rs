//! Makes `tests/sample` anew.
#![allow(clippy::print_stdout, reason = "a program that says what it wrote")]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    std::fs::create_dir_all(&folder)?;
    for (name, content) in varde_tests::sample::files() {
        std::fs::write(folder.join(&name), &content)?;
        println!("{name}  {} cases", content.lines().count() - 1);
    }
    Ok(())
}
