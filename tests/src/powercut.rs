//! A disk whose power can be cut: ext4 on a loop mount, stopped by `EXT4_IOC_SHUTDOWN` without flushing its journal.
//!
//! In: making, mounting, cutting and checking out such a disk, as root. Out: what runs on it and what must be there afterwards
//! (`workload`, `bin/powercut`). It models the loss of all that was neither journaled nor written; it does not model a drive
//! that loses its own cache.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why there is no such disk here.
#[derive(Debug)]
pub enum NoDisk {
    /// Not this machine's fault and not the test's: the reason to print after `skipped: `.
    Skipped(String),
    /// It should have worked.
    Failed(String),
}

impl From<String> for NoDisk {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// An ext4 file system in a file. Unmounted, and its file removed, when dropped.
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Makes one of `mebibytes` (a sparse file) in `dir`; not mounted yet.
    pub fn new(dir: &Path, mebibytes: u64) -> Result<Self, NoDisk> {
        if !rustix::process::geteuid().is_root() {
            return Err(NoDisk::Skipped("needs root".into()));
        }
        if !Path::new("/dev/loop-control").exists() {
            return Err(NoDisk::Skipped("needs loop devices".into()));
        }
        for tool in ["mkfs.ext4", "mount", "umount"] {
            if Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                return Err(NoDisk::Skipped(format!("needs {tool}")));
            }
        }
        let disk = Self { image: dir.join("disk.img"), mount: dir.join("mnt"), mounted: false };
        fs::create_dir_all(&disk.mount).map_err(|e| format!("{}: {e}", disk.mount.display()))?;
        let sized = File::create(&disk.image).and_then(|file| file.set_len(mebibytes << 20));
        sized.map_err(|e| format!("{}: {e}", disk.image.display()))?;
        run("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], &[&disk.image])?;
        Ok(disk)
    }

    /// Where its files are while it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Mounts it; after a cut this replays the journal, as a machine does when its power comes back.
    pub fn mount(&mut self) -> Result<(), NoDisk> {
        let mounted = run("mount", ["-o", "loop"], &[&self.image, &self.mount]);
        // A container's root may not mount; that is found out here.
        mounted.map_err(|why| NoDisk::Skipped(format!("cannot mount here ({})", why.trim())))?;
        self.mounted = true;
        Ok(())
    }

    /// Cuts the power: from here on nothing reaches the disk, not even the journal's own flush.
    pub fn cut(&self) -> Result<(), String> {
        let root = File::open(&self.mount).map_err(|e| e.to_string())?;
        shut_down(&root).map_err(|e| format!("EXT4_IOC_SHUTDOWN: {e}"))
    }

    /// Unmounts it, when nothing on it is open any more; waits up to ten seconds for that.
    pub fn unmount(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.mounted {
            match run("umount", [], &[&self.mount]) {
                Ok(()) => self.mounted = false,
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        Ok(())
    }

    /// The rounds' own sequence: mounts the disk again after a cut.
    pub fn power_on(&mut self) -> Result<(), String> {
        self.unmount()?;
        self.mount().map_err(|e| format!("{e:?}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nothing more can be done about a failure here, and the caller's result matters more.
        let _ = self.unmount();
        let _ = fs::remove_file(&self.image);
    }
}

fn run<const N: usize>(tool: &str, options: [&str; N], paths: &[&PathBuf]) -> Result<(), String> {
    let paths = paths.iter().map(|path| path.as_os_str());
    let output = Command::new(tool).args(options.iter().map(OsStr::new).chain(paths)).output();
    let output = output.map_err(|e| format!("{tool}: {e}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{tool}: {}", told.trim())) }
}

/// `EXT4_IOC_SHUTDOWN` (Linux, fs/ext4/ext4.h), argument `EXT4_GOING_FLAGS_NOLOGFLUSH`.
#[allow(unsafe_code, reason = "no safe wrapper of this ioctl exists; it reads one u32, which is what it is given")]
fn shut_down(root: &File) -> io::Result<()> {
    const EXT4_IOC_SHUTDOWN: rustix::ioctl::Opcode = 0x8004_587d;
    const NO_LOG_FLUSH: u32 = 2;
    // SAFETY: the operation code is ext4's and its argument a pointer to a u32 that outlives the call.
    unsafe {
        let request = rustix::ioctl::Setter::<EXT4_IOC_SHUTDOWN, u32>::new(NO_LOG_FLUSH);
        rustix::ioctl::ioctl(root, request)?;
    }
    Ok(())
}
