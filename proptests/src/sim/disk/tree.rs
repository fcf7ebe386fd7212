//! The names of files and directories: what the kernel shows, and what would be left without power.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::faults::{Injected, Rates};
use super::luck::Luck;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    /// The file of that number.
    File(u64),
}

/// Every name, with the whole path before it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    shown: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// What happened since, in order.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl Change {
    /// Whether making this directory durable makes the change durable.
    fn is_in(&self, dir: &Path) -> bool {
        match self {
            Self::Put(path, _) | Self::Remove(path) => path.parent() == Some(dir),
            Self::Rename(from, to, _) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Put(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl Tree {
    pub(super) fn node(&self, path: &Path) -> Option<Node> {
        if path.parent().is_none() {
            return Some(Node::Directory);
        }
        self.shown.get(path).copied()
    }

    /// Every file that is shown.
    pub(super) fn files(&self) -> impl Iterator<Item = (&PathBuf, u64)> {
        self.shown.iter().filter_map(|(path, node)| match node {
            Node::File(number) => Some((path, *number)),
            Node::Directory => None,
        })
    }

    pub(super) fn names(&self, dir: &Path) -> Vec<String> {
        let below = self.shown.keys().filter(|path| path.parent() == Some(dir));
        below
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect()
    }

    /// Everything at a path and below it.
    pub(super) fn below(&self, dir: &Path) -> Vec<PathBuf> {
        let below = self.shown.keys().filter(|path| path.starts_with(dir));
        below.cloned().collect()
    }

    pub(super) fn put(&mut self, path: &Path, node: Node) {
        self.change(Change::Put(path.to_owned(), node));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.change(Change::Remove(path.to_owned()));
    }

    /// Puts everything at a path and below it in another place.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        for path in self.below(from) {
            let below = path.strip_prefix(from).expect("it was found below");
            // Joining nothing would add a slash.
            let target = if below.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(below)
            };
            let node = self.shown[&path];
            self.change(Change::Rename(path, target, node));
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.shown);
        self.unsynced.push(change);
    }

    /// Puts a file there that is all durable, whatever else is not.
    pub(super) fn put_durably(&mut self, path: &Path, node: Node) {
        for names in [&mut self.shown, &mut self.durable] {
            Change::Put(path.to_owned(), node).apply(names);
            for above in path.ancestors().skip(1).filter(|a| a.parent().is_some()) {
                names.insert(above.to_owned(), Node::Directory);
            }
        }
    }

    pub(super) fn sync(&mut self, dir: &Path) {
        let durable = &mut self.durable;
        self.unsynced.retain(|change| {
            let synced = change.is_in(dir);
            if synced {
                change.apply(durable);
            }
            !synced
        });
    }

    /// The power goes: each change that was not synced is there or not. A file system may write them in
    /// order, or not; both are drawn.
    pub(super) fn lose_power(&mut self, rates: &Rates, luck: &mut Luck, injected: &mut Injected) {
        let in_order = luck.below(2) == 0;
        let mut is_over = false;
        for change in std::mem::take(&mut self.unsynced) {
            is_over = is_over && in_order || luck.strikes(rates.lost_ppm);
            if is_over {
                injected.lost_entries += 1;
            } else {
                change.apply(&mut self.durable);
            }
        }
        // What lies in a directory that was lost is lost with it.
        let kept: Vec<PathBuf> = self.durable.keys().cloned().collect();
        for path in kept {
            let parent = path.parent().expect("the root has no name");
            if parent.parent().is_some() && !self.durable.contains_key(parent) {
                self.durable.remove(&path);
            }
        }
        self.shown = self.durable.clone();
    }
}
