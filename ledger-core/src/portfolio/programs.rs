//! Lists of bonus programs that accounts were given. Many accounts are given the same programs, so each list is kept
//! once, and an account keeps its place: a bonus need not look through what only its account has, far from all else.

use std::num::NonZeroU32;

use indexmap::IndexSet;

use crate::portfolio::usize_of;
use crate::text::BonusProgramReference;

/// Every list that an account was given, once, in the order of their first accounts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgramLists(IndexSet<Vec<BonusProgramReference>>);

/// Accounts are compared by places, so the lists must be in the same.
impl PartialEq for ProgramLists {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice() == other.0.as_slice()
    }
}

impl Eq for ProgramLists {}

/// Place of a list, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProgramList(NonZeroU32);

impl ProgramLists {
    /// The place of a list, which is added where it is new; none for an empty one.
    pub(crate) fn place_of(&mut self, programs: &[BonusProgramReference]) -> Option<ProgramList> {
        if programs.is_empty() {
            return None;
        }
        let known = self.0.get_index_of(programs);
        let place = known.unwrap_or_else(|| self.0.insert_full(programs.to_vec()).0);
        let place = u32::try_from(place + 1).expect("fewer lists than accounts");
        NonZeroU32::new(place).map(ProgramList)
    }

    /// The list at a place that was given here.
    pub(crate) fn list(&self, place: ProgramList) -> &[BonusProgramReference] {
        &self.0[usize_of(place.0.get()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_kept_once_at_its_place() {
        let [some, others] = [["A", "B"], ["B", "A"]]
            .map(|names| names.map(|name| BonusProgramReference::new(name).unwrap()));
        let mut lists = ProgramLists::default();
        assert_eq!(lists.place_of(&[]), None);
        let first = lists.place_of(&some).unwrap();
        let second = lists.place_of(&others).unwrap();
        assert_ne!(first, second);
        assert_eq!(lists.place_of(&some), Some(first));
        assert_eq!(
            (lists.list(first), lists.list(second)),
            (&some[..], &others[..])
        );

        let mut turned = ProgramLists::default();
        turned.place_of(&others);
        turned.place_of(&some);
        assert!(turned != lists);
    }
}
