//! Locks that end with the process that took them. A forked child neither keeps nor releases them.
//!
//! A flock(2) lock belongs to the open file, which a forked child shares, so it lives on in the
//! child. A POSIX record lock (fcntl(2)) belongs to the process: a child doesn't inherit it, and
//! the kernel releases it as soon as the process ends, in every PID namespace. But record locks
//! don't exclude threads of the same process, and closing any descriptor of the file releases them.
//!
//! So a lock here is a claim written into the lock file: who holds it, and which file proves that
//! the holder is alive. The holder has a record lock on that proof, a file that nothing else in its
//! process opens, and removes the proof to release the lock. The lock file itself is locked with
//! flock only while a claim is read or written, and unlocked explicitly. If a process forks and
//! dies within those microseconds, its child blocks others; their calls time out and say why.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::process::ProcessId;
use crate::random;

/// A held lock. Dropping it releases it, except in a forked child.
pub(super) struct Claim {
    folder: Arc<Folder>,
    name: String,
    proof: String,
    /// The proof file, with its record lock.
    file: File,
    fence: u64,
    process: u32,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) owner: String,
    pub(super) since_ms: i64,
    proof: String,
    process: ProcessId,
}

pub(super) enum Taken {
    Claim(Claim),
    By(Holding),
}

/// Who requests a lock.
pub(super) struct Claimant<'a> {
    pub(super) owner: &'a str,
    pub(super) process: &'a ProcessId,
    pub(super) now_ms: i64,
}

impl Claim {
    /// Takes the lock of this name unless it is held. The new fence is greater than all earlier
    /// ones and than `seen`. The proof's name starts with `prefix`.
    pub(super) fn take(
        folder: &Arc<Folder>,
        name: &str,
        prefix: &str,
        by: &Claimant<'_>,
        deadline: Instant,
        seen: &dyn Fn() -> io::Result<u64>,
    ) -> io::Result<Taken> {
        let mut file = LockFile::open(folder, name, deadline)?;
        let contents = file.read()?;
        if let Some(holding) = &contents.holding
            && holding.lives(folder, by.process)?
        {
            return Ok(Taken::By(holding.clone()));
        }
        let fence = contents.fence.max(seen()?).saturating_add(1);
        let (proof, proof_file) = prove(folder, prefix)?;
        let claim = Self {
            folder: Arc::clone(folder),
            name: name.to_owned(),
            proof,
            file: proof_file,
            fence,
            process: std::process::id(),
        };
        let holding = Holding {
            owner: by.owner.to_owned(),
            since_ms: by.now_ms,
            proof: claim.proof.clone(),
            process: by.process.clone(),
        };
        file.write(fence, &holding)?;
        drop(file);
        if let Some(dead) = contents.holding {
            clear(folder, &dead.proof);
        }
        Ok(Taken::Claim(claim))
    }

    /// Returns the name of a file that only the holder of this lock writes. If the holder dies, the
    /// file is removed with its lock.
    pub(super) fn draft(&self) -> String {
        self.proof.replacen(PROOF, DRAFT, 1)
    }

    pub(super) fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether the lock is still held: proof and lock file still exist, and this isn't a forked
    /// child.
    pub(super) fn is_held(&self) -> io::Result<bool> {
        if self.process != std::process::id() || !self.folder.names_file(&self.proof, &self.file)? {
            return Ok(false);
        }
        let claimed = holding(&self.folder, &self.name)?;
        Ok(claimed.is_some_and(|holding| holding.proof == self.proof))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // In a child, closing the proof is harmless: the record lock is the parent's.
        if self.process == std::process::id() {
            let _ = self.folder.remove(&self.proof);
        }
    }
}

impl Holding {
    /// Whether the process that holds it is alive.
    pub(super) fn lives(&self, folder: &Folder, own: &ProcessId) -> io::Result<bool> {
        if folder.length(&self.proof)?.is_none() {
            return Ok(false);
        }
        // Closing a proof of this process would release its lock.
        if self.process.may_be(own) {
            return Ok(true);
        }
        match folder.open_file(&self.proof) {
            Ok(file) => Ok(!lock_shared(&file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Returns who claims the lock of this name, alive or dead.
pub(super) fn holding(folder: &Folder, name: &str) -> io::Result<Option<Holding>> {
    Ok(match folder.read(name)? {
        Some(bytes) => Contents::parse(&bytes).holding,
        None => None,
    })
}

/// Removes the draft and the proof of a holder that died.
fn clear(folder: &Folder, proof: &str) {
    // A holder that released the lock left neither. Leftovers that can't be removed do no harm.
    if folder.length(proof).is_ok_and(|length| length.is_some()) {
        let _ = folder.remove(&proof.replacen(PROOF, DRAFT, 1));
        let _ = folder.remove(proof);
    }
}

/// Removes the leftovers of processes that died before they claimed a lock, or whose lock file was
/// removed. Files of this process are left alone.
pub(super) fn sweep(folder: &Folder, names: &[String]) -> io::Result<()> {
    for name in names {
        if name.contains(DRAFT) {
            let proof = name.replacen(DRAFT, PROOF, 1);
            if folder.length(&proof)?.is_none() {
                folder.remove(name)?;
            }
            continue;
        }
        let Some((_, word)) = name.split_once(PROOF) else {
            continue;
        };
        let own = word.split('-').next() == Some(std::process::id().to_string().as_str());
        if own {
            continue;
        }
        match folder.open_file(name) {
            Ok(file) if lock_shared(&file)? => clear(folder, name),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The part of a proof's name between prefix and word.
const PROOF: &str = ".alive-";
/// The same part of a draft's name.
const DRAFT: &str = ".draft-";

/// Creates a proof: a new file with this process's record lock on it.
fn prove(folder: &Folder, prefix: &str) -> io::Result<(String, File)> {
    const TRIES: u32 = 8;
    for _ in 0..TRIES {
        let word = random::word().map_err(io::Error::other)?;
        let name = format!("{prefix}{PROOF}{}-{}", std::process::id(), &word[..16]);
        let file = match folder.create_new(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let locked = lock_exclusive(&file).inspect_err(|_| drop(folder.remove(&name)))?;
        // A sweep in another process may have removed it.
        if locked && folder.names_file(&name, &file)? {
            return Ok((name, file));
        }
    }
    Err(io::Error::other(
        "other processes kept removing the proof that this one is alive",
    ))
}

/// The locked lock file. It is unlocked explicitly, because closing it would leave the lock to a
/// forked child.
struct LockFile(File);

impl LockFile {
    fn open(folder: &Folder, name: &str, deadline: Instant) -> io::Result<Self> {
        let mut pause = Duration::from_micros(50);
        loop {
            let file = folder.open_or_create(name)?;
            match file.try_lock() {
                Ok(()) => {
                    let locked = Self(file);
                    if folder.names_file(name, &locked.0)? {
                        return Ok(locked);
                    }
                    // It was removed in the meantime, so others lock a different file.
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let why = "it is locked by a hung process, or by the child of one that died";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(2));
                }
            }
        }
    }

    fn read(&mut self) -> io::Result<Contents> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.0)
            .take(2 * LINE as u64)
            .read_to_end(&mut bytes)?;
        Ok(Contents::parse(&bytes))
    }

    fn write(&mut self, fence: u64, holding: &Holding) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&encode(fence, holding))
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// The fixed length of a lock file, so that writing in place overwrites the previous claim
/// completely.
const LINE: usize = 512;
const MAGIC: &str = "countersign-lock";

/// The contents of a lock file. `holding` is `None` if it is empty, truncated or malformed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    fence: u64,
    holding: Option<Holding>,
}

impl Contents {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().next().unwrap_or_default();
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().unwrap_or(0);
        match words[..] {
            [fence, MAGIC, process, proof, since, owner]
                if proof.contains(PROOF) && !proof.contains('/') =>
            {
                Self {
                    fence: number(fence),
                    holding: Some(Holding {
                        owner: owner.to_owned(),
                        since_ms: since.parse().unwrap_or(0),
                        proof: proof.to_owned(),
                        process: ProcessId::parse(process),
                    }),
                }
            }
            [fence, ..] => Self {
                fence: number(fence),
                holding: None,
            },
            [] => Self::default(),
        }
    }
}

fn encode(fence: u64, holding: &Holding) -> Vec<u8> {
    let Holding {
        owner,
        since_ms,
        proof,
        process,
    } = holding;
    // One word of limited length, whatever the owner's name is.
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let mut owner: String = owner.chars().take(160).map(plain).collect();
    if owner.is_empty() {
        owner.push('_');
    }
    let process = process.as_str();
    let line = format!("{fence:020} {MAGIC} {process} {proof} {since_ms} {owner}");
    format!("{line:<width$}\n", width = LINE - 1).into_bytes()
}

#[cfg(unix)]
fn lock_exclusive(file: &File) -> io::Result<bool> {
    record_lock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
}

#[cfg(unix)]
fn lock_shared(file: &File) -> io::Result<bool> {
    record_lock(file, rustix::fs::FlockOperation::NonBlockingLockShared)
}

#[cfg(unix)]
fn record_lock(file: &File, operation: rustix::fs::FlockOperation) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::fcntl_lock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

// Without fork, a lock ends with its handle.
#[cfg(not(unix))]
fn lock_exclusive(file: &File) -> io::Result<bool> {
    taken(file.try_lock())
}

#[cfg(not(unix))]
fn lock_shared(file: &File) -> io::Result<bool> {
    taken(file.try_lock_shared())
}

#[cfg(not(unix))]
fn taken(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_round_trip_and_malformed_ones_name_no_holder() {
        let holding = Holding {
            owner: "web-1:17:word".into(),
            since_ms: 1_790_000_000_000,
            proof: "k.alive-17-w".into(),
            process: ProcessId::own(),
        };
        let bytes = encode(7, &holding);
        assert_eq!(bytes.len(), LINE);
        let read = Contents::parse(&bytes);
        assert_eq!((read.fence, read.holding.as_ref()), (7, Some(&holding)));
        // The format of the first releases.
        assert_eq!(Contents::parse(b"00000000000000000041\n").fence, 41);
        for nothing in [&b""[..], b"\n", b"x", &[0xff; 40], &bytes[..30]] {
            assert_eq!(Contents::parse(nothing).holding, None);
        }
        for (owner, encoded) in [("a b\nc", "a_b_c"), ("", "_")] {
            let strange = Holding {
                owner: owner.into(),
                ..holding.clone()
            };
            let read = Contents::parse(&encode(1, &strange)).holding.unwrap();
            assert_eq!(read.owner, encoded);
        }
    }
}
