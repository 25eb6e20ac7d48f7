//! The names of a growing tree: one arena of bytes, one table of slots, and one hash table over the
//! slots. A name takes its length and about 39 more bytes, whatever the shape of the tree.
//!
//! A **slot** is a name in a directory. It is found by a hash of the directory and the name. Slots
//! are never removed: a whiteout only marks the slot as gone and records its layer, so that hard links
//! of that layer still find it. The slots of a directory form a linked list, which is used to remove
//! all names of the directory and to write the tree.

use std::hash::{BuildHasher, RandomState};

use super::record::NONE;

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where the name's length, followed by its bytes, is in the arena.
    name: u32,
    dir: u32,
    node: u32,
    /// The next slot in the directory's list: [`NONE`] at its end, [`UNLINKED`] if it is in no list.
    next: u32,
    /// One more than the number of the layer that removed the name; 0 if the name exists.
    gone: u32,
    /// The layer that added the name.
    layer: u32,
}

const UNLINKED: u32 = u32::MAX - 1;

/// A bucket of the hash table: the upper half of the name's hash, and its slot.
#[derive(Clone, Copy)]
struct Bucket {
    hash: u32,
    slot: u32,
}

const FREE: Bucket = Bucket {
    hash: 0,
    slot: NONE,
};

/// The names of all directories.
pub(super) struct NameTable {
    arena: Vec<u8>,
    slots: Vec<Slot>,
    /// Open addressing. The length is a power of two, and at least a quarter of the buckets is free.
    table: Vec<Bucket>,
    /// The hash is keyed because names come from untrusted images.
    keys: RandomState,
}

impl NameTable {
    pub(super) fn new() -> Self {
        Self {
            arena: Vec::new(),
            slots: Vec::new(),
            table: vec![FREE; 1024],
            keys: RandomState::new(),
        }
    }

    /// The memory that the names use, in bytes.
    pub(super) fn size(&self) -> u64 {
        let table = size_of_val(&*self.table) + size_of_val(&*self.slots);
        (self.arena.len() + table) as u64
    }

    /// The name of a slot.
    pub(super) fn name(&self, slot: u32) -> &[u8] {
        let slot = self.slots.get(slot as usize);
        slot.map_or(&[], |slot| self.bytes(slot.name))
    }

    fn bytes(&self, at: u32) -> &[u8] {
        let name = self.arena.get(at as usize..).and_then(<[u8]>::split_first);
        let bytes = name.and_then(|(&len, rest)| rest.get(..len.into()));
        bytes.unwrap_or_default()
    }

    /// The node that a slot leads to, even if the name was removed.
    pub(super) fn node(&self, slot: u32) -> u32 {
        self.slots.get(slot as usize).map_or(NONE, |s| s.node)
    }

    /// The directory of a slot.
    pub(super) fn dir(&self, slot: u32) -> u32 {
        self.slots.get(slot as usize).map_or(NONE, |s| s.dir)
    }

    /// The layer that added a slot's name.
    pub(super) fn layer(&self, slot: u32) -> u32 {
        self.slots.get(slot as usize).map_or(NONE, |s| s.layer)
    }

    /// The layer that removed a slot's name, or `None` if the name exists.
    pub(super) fn gone(&self, slot: u32) -> Option<u32> {
        self.slots.get(slot as usize)?.gone.checked_sub(1)
    }

    fn hash(&self, dir: u32, name: &[u8]) -> u32 {
        // Either half of the hash would do.
        (self.keys.hash_one((dir, name)) >> 32) as u32
    }

    /// The bucket of a name in the table, or the free bucket where it belongs.
    fn bucket(&self, hash: u32, dir: u32, name: &[u8]) -> (usize, Option<u32>) {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        // Ends at a free bucket, of which there are always some.
        while let Some(bucket) = self.table.get(at).filter(|bucket| bucket.slot != NONE) {
            if bucket.hash == hash
                && let Some(slot) = self.slots.get(bucket.slot as usize)
                && slot.dir == dir
                && self.bytes(slot.name) == name
            {
                return (at, Some(bucket.slot));
            }
            at = (at + 1) & mask;
        }
        (at, None)
    }

    /// The slot of a name, even if the name was removed.
    pub(super) fn find(&self, dir: u32, name: &[u8]) -> Option<u32> {
        self.bucket(self.hash(dir, name), dir, name).1
    }

    /// Makes a name lead to a node, on behalf of a layer. `head` is the first slot of the directory's
    /// list. Returns the new first slot. Names over 255 bytes must be refused by the caller.
    pub(super) fn insert(
        &mut self,
        dir: u32,
        name: &[u8],
        node: u32,
        head: u32,
        layer: u32,
    ) -> u32 {
        let hash = self.hash(dir, name);
        let (mut at, found) = self.bucket(hash, dir, name);
        if let Some(number) = found {
            let Some(slot) = self.slots.get_mut(number as usize) else {
                return head;
            };
            slot.node = node;
            slot.gone = 0;
            slot.layer = layer;
            if slot.next != UNLINKED {
                return head;
            }
            slot.next = head;
            return number;
        }
        if (self.slots.len() + 1) * 4 > self.table.len() * 3 {
            self.grow();
            at = self.bucket(hash, dir, name).0;
        }
        // Both fit: the merger stops long before either reaches 4 GiB.
        let number = self.slots.len() as u32;
        let start = self.arena.len() as u32;
        let name = name.get(..255).unwrap_or(name);
        self.arena.push(name.len() as u8);
        self.arena.extend_from_slice(name);
        self.slots.push(Slot {
            name: start,
            dir,
            node,
            next: head,
            gone: 0,
            layer,
        });
        if let Some(bucket) = self.table.get_mut(at) {
            *bucket = Bucket { hash, slot: number };
        }
        number
    }

    fn grow(&mut self) {
        let len = self.table.len() * 2;
        let old = std::mem::replace(&mut self.table, vec![FREE; len]);
        for bucket in old.into_iter().filter(|bucket| bucket.slot != NONE) {
            let mut at = bucket.hash as usize & (len - 1);
            while let Some(taken) = self.table.get(at).filter(|bucket| bucket.slot != NONE) {
                let _ = taken;
                at = (at + 1) & (len - 1);
            }
            if let Some(free) = self.table.get_mut(at) {
                *free = bucket;
            }
        }
    }

    /// Marks a name as removed by a layer.
    pub(super) fn remove(&mut self, slot: u32, layer: u32) {
        if let Some(slot) = self.slots.get_mut(slot as usize)
            && slot.gone == 0
        {
            slot.gone = layer.saturating_add(1);
        }
    }

    /// Removes all names of a directory's list and takes the list apart. So a slot is visited once for
    /// each time that it was put into a list.
    pub(super) fn remove_all(&mut self, head: u32, layer: u32) {
        let mut at = head;
        while let Some(slot) = self.slots.get_mut(at as usize) {
            if slot.gone == 0 {
                slot.gone = layer.saturating_add(1);
            }
            at = std::mem::replace(&mut slot.next, UNLINKED);
        }
    }

    /// The slots of a directory's list whose names exist, unordered.
    pub(super) fn list(&self, head: u32) -> impl Iterator<Item = u32> {
        let mut at = head;
        std::iter::from_fn(move || {
            loop {
                let number = at;
                let slot = self.slots.get(number as usize)?;
                at = slot.next;
                if slot.gone == 0 {
                    return Some(number);
                }
            }
        })
    }

    /// Stores a number in a slot, in place of the link to the next slot. The lists are unusable
    /// afterwards.
    pub(super) fn set_number(&mut self, slot: u32, number: u32) {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.next = number;
        }
    }

    /// The number that [`NameTable::set_number`] stored.
    pub(super) fn number(&self, slot: u32) -> u32 {
        self.slots.get(slot as usize).map_or(NONE, |s| s.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_and_go() {
        let mut names = NameTable::new();
        let mut head = NONE;
        for i in 0..5000_u32 {
            head = names.insert(7, i.to_string().as_bytes(), i, head, 2);
        }
        assert_eq!(names.list(head).count(), 5000);
        let slot = names.find(7, b"4711").unwrap();
        assert_eq!((names.node(slot), names.gone(slot)), (4711, None));
        assert_eq!(names.find(8, b"4711"), None);
        names.remove(slot, 3);
        assert_eq!(names.find(7, b"4711"), Some(slot));
        assert_eq!(names.gone(slot), Some(3));
        assert_eq!(names.list(head).count(), 4999);
        // The name returns under its old slot, and is in the list once.
        head = names.insert(7, b"4711", 1, head, 3);
        assert_eq!((names.node(slot), names.list(head).count()), (1, 5000));
        assert_eq!((names.layer(slot), names.layer(slot - 1)), (3, 2));
        names.remove_all(head, 4);
        assert_eq!(names.list(NONE).count(), 0);
        head = names.insert(7, b"4711", 2, NONE, 4);
        assert_eq!(names.list(head).collect::<Vec<_>>(), [slot]);
        assert_eq!(names.gone(names.find(7, b"1").unwrap()), Some(4));
    }
}
