//! Files that a command writes, and what it must not write over.

use std::path::Path;

/// Whether a file that is written anew would take the place of one of these, or of a part of the ledger.
pub(super) fn would_overwrite<'a>(
    out: &Path,
    kept: impl IntoIterator<Item = &'a Path>,
    ledger: Option<&Path>,
) -> bool {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    // Where it would stand, and what a name elsewhere leads to.
    let places = [folder, out.canonicalize()];
    let is_inside = |data: &Path| {
        let data = data.canonicalize();
        data.is_ok_and(|data| {
            places
                .iter()
                .flatten()
                .any(|place| place.starts_with(&data))
        })
    };
    ledger.is_some_and(is_inside) || kept.into_iter().any(|kept| is_same_place(out, kept))
}

/// Whether two paths lead to one place. What does not exist yet is none.
pub(super) fn is_same_place(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), _) | (_, Err(_)) => false,
    }
}
