//! A data directory held in memory, so that each case gets a fresh copy of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every directory and file below a data directory, by path.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) directories: Vec<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Files {
    pub(crate) fn read(dir: &Path) -> Self {
        let mut all = Self::default();
        all.add(dir, "");
        all
    }

    fn add(&mut self, dir: &Path, below: &str) {
        for entry in fs::read_dir(dir.join(below)).unwrap() {
            let name = format!("{below}{}", entry.unwrap().file_name().to_str().unwrap());
            let path = dir.join(&name);
            if path.is_file() {
                self.files.insert(name, fs::read(path).unwrap());
            } else {
                self.add(dir, &format!("{name}/"));
                self.directories.push(name);
            }
        }
    }

    /// Puts everything into a directory.
    pub(crate) fn write(&self, dir: &Path) {
        for name in &self.directories {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        for (name, bytes) in &self.files {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
}
