//! Directories for one test, removed when it ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A directory of the system's temporary one: servers that drop their privileges can read it.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ntlm-interop-{}-{number}", process::id()));
        fs::create_dir(&path).expect("a new directory for the test");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and says where it is.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file for the test");
        path
    }

    /// Copies a program, so that users without rights can run it, and says where it is.
    pub fn copy(&self, program: impl AsRef<Path>) -> PathBuf {
        let program = program.as_ref();
        let path = self.0.join(program.file_name().expect("it is a file"));
        fs::copy(program, &path).expect("a program for the test");
        path
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A browser may still be writing; what is left lies in a temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
