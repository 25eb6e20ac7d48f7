//! Symbols that the objects of a closure need from each other and that nothing in it defines (glibc,
//! `_dl_relocate_object` and `do_lookup_x`; musl, `do_relocs` and `find_sym2`).
//!
//! glibc relocates an object after the objects that it needs, the program last, and stops at the first
//! missing symbol. A function that only DT_JMPREL names is looked up at its first call, unless the
//! object or LD_BIND_NOW requests binding at start. musl binds everything at start, in load order with
//! the program last, and reports all missing symbols.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use super::{Closure, LoaderKind, LoaderProcess, Name, Resolver, usual_path};
use crate::inspect::{Symbols, Undefined};
use crate::launch::image::File;
use crate::tree::NodeId;

/// The maximum size of the symbol tables that are kept in memory, in bytes.
const TABLES_LIMIT: usize = 128 << 20;

/// The maximum number of missing symbols that are listed.
const LACKING_LIMIT: usize = 4096;

/// Paths of the library that gcompat preloads.
const GCOMPAT: [&[u8]; 3] = [
    b"/lib/libgcompat.so.0",
    b"/usr/lib/libgcompat.so.0",
    b"/lib/libgcompat.so",
];

/// The symbol tables that were read.
#[derive(Default)]
pub(super) struct Tables {
    by_node: HashMap<NodeId, Option<Rc<Symbols>>>,
    bytes: usize,
}

/// A symbol that nothing defines.
#[derive(Clone, Debug)]
pub(crate) struct Unbound {
    /// The object that needs it, as an index in [`Closure::objects`].
    pub by: usize,
    /// The symbol.
    pub symbol: Undefined,
    /// Whether the failure occurs at the first call, and not at start.
    pub at_call: bool,
}

/// The symbols of a closure that nothing defines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding {
    /// The symbols, in the order in which the loader looks them up.
    pub lacking: Vec<Unbound>,
    /// Whether a symbol table could not be read. If so, no symbol is reported as missing.
    pub unknown: bool,
}

impl Resolver<'_> {
    fn table(&mut self, node: NodeId) -> io::Result<Option<Rc<Symbols>>> {
        if let Some(found) = self.symbols.by_node.get(&node) {
            return Ok(found.clone());
        }
        if !self.spend(1000) {
            return Ok(None);
        }
        let table = self.image.evidence.symbols(node)?.map(Rc::new);
        let takes = table.as_ref().map_or(0, |table| table.footprint());
        if self.symbols.bytes + takes > TABLES_LIMIT {
            self.symbols = Tables::default();
        }
        self.symbols.bytes += takes;
        self.symbols.by_node.insert(node, table.clone());
        Ok(table)
    }

    fn node_of(&self, closure: &Closure, index: usize) -> Option<NodeId> {
        let (object, _) = closure.objects.get(index)?;
        self.file(*object).map(|file| file.node)
    }

    /// Looks up the symbols of all objects of a closure. `now` is true if LD_BIND_NOW is set.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub(crate) fn bind(
        &mut self,
        closure: &Closure,
        process: &LoaderProcess,
        now: bool,
    ) -> io::Result<Binding> {
        let musl = self.get(process.loader).kind == LoaderKind::Musl;
        let mut binding = Binding::default();
        let loader = closure.loader;
        // The loader's own symbols come last: it is in the scope because another library needs it.
        let all = 0..closure.objects.len();
        let others = all.clone().filter(|&index| Some(index) != loader);
        let mut scope: Vec<NodeId> = Vec::new();
        scope.extend(
            others
                .chain(loader)
                .filter_map(|index| self.node_of(closure, index)),
        );
        scope.extend(self.gcompat(closure, process));
        let mut tables = Vec::new();
        for node in scope {
            match self.table(node)? {
                Some(table) => tables.push(table),
                None => binding.unknown = true,
            }
        }
        if binding.unknown {
            return Ok(binding);
        }
        let order = match musl {
            true => all.skip(1).chain([0]).collect(),
            false => self.relocation_order(closure),
        };
        let mut known: HashMap<(Vec<u8>, Option<Vec<u8>>), bool> = HashMap::new();
        for index in order {
            let node = self
                .node_of(closure, index)
                .filter(|_| Some(index) != loader);
            let Some(node) = node else {
                continue;
            };
            let Some(own) = self.table(node)? else {
                continue;
            };
            if !self.spend(own.undefined.len()) {
                return Ok(Binding::default());
            }
            let mut lacking = Vec::new();
            // A program copies data from libraries only. Its own space for the copy is not a
            // definition.
            let libraries = tables.get(1..).unwrap_or_default();
            for symbol in own.copied.iter().filter(|_| index == 0) {
                let found = libraries.iter().any(|table| match musl {
                    true => table.defines_by_name(&symbol.name),
                    false => table.defines(&symbol.name, symbol.version.as_deref()),
                });
                if !found && !symbol.weak {
                    lacking.push(Unbound {
                        by: index,
                        symbol: symbol.clone(),
                        at_call: false,
                    });
                }
            }
            for symbol in &own.undefined {
                if symbol.weak || (symbol.data.is_none() && symbol.call.is_none()) {
                    continue;
                }
                let version = symbol.version.as_deref().filter(|_| !musl);
                let key = (symbol.name.clone(), version.map(<[u8]>::to_vec));
                let is_defined = *known.entry(key).or_insert_with(|| {
                    tables.iter().any(|table| match musl {
                        true => table.defines_by_name(&symbol.name),
                        false => table.defines(&symbol.name, version),
                    })
                });
                if !is_defined {
                    lacking.push(Unbound {
                        by: index,
                        symbol: symbol.clone(),
                        at_call: !musl && !now && !own.bind_now && symbol.data.is_none(),
                    });
                }
            }
            // musl processes calls first, glibc last.
            lacking.sort_by_key(|unbound| {
                let symbol = &unbound.symbol;
                match musl {
                    true => (symbol.call.is_none(), symbol.call.or(symbol.data)),
                    false => (symbol.data.is_none(), symbol.data.or(symbol.call)),
                }
            });
            let room = LACKING_LIMIT.saturating_sub(binding.lacking.len());
            binding.lacking.extend(lacking.into_iter().take(room));
        }
        Ok(binding)
    }

    /// Returns the order in which glibc relocates objects: each after those that it needs, the program
    /// last (`_dl_sort_maps_dfs` in `elf/dl-sort-maps.c`, read from its end).
    fn relocation_order(&self, closure: &Closure) -> Vec<usize> {
        let known: HashMap<Name, usize> = closure.known.iter().rev().copied().collect();
        let needs = |index: usize| -> Vec<usize> {
            let object = closure.objects.get(index);
            let object = object.and_then(|(object, _)| self.objects.get(object.0 as usize));
            let needed = object.into_iter().flat_map(|object| &object.needed);
            needed.filter_map(|name| known.get(name).copied()).collect()
        };
        let count = closure.objects.len();
        let mut seen = vec![false; count];
        let mut order = Vec::with_capacity(count);
        // Depth first, without recursion. The stack holds objects, each with its remaining needs.
        for start in (1..count).rev() {
            let mut stack = vec![(start, None::<std::vec::IntoIter<usize>>)];
            while let Some((index, left)) = stack.last_mut() {
                let index = *index;
                let left = match left {
                    Some(left) => left,
                    None => {
                        if index == 0 || seen.get(index).copied().unwrap_or(true) {
                            stack.pop();
                            continue;
                        }
                        if let Some(seen) = seen.get_mut(index) {
                            *seen = true;
                        }
                        left.insert(needs(index).into_iter())
                    }
                };
                match left.next() {
                    Some(next) => stack.push((next, None)),
                    None => {
                        order.push(index);
                        stack.pop();
                    }
                }
            }
        }
        order.push(0);
        order
    }

    /// Returns what gcompat's loader adds. That loader is a program that starts musl's loader with a
    /// library of its own.
    fn gcompat(&self, closure: &Closure, process: &LoaderProcess) -> Vec<NodeId> {
        let loader = self.get(process.loader);
        if loader.kind != LoaderKind::Musl {
            return Vec::new();
        }
        let program = closure.objects.first();
        let program = program.and_then(|(object, _)| self.file(*object));
        let machine = program.and_then(File::machine);
        let musl = machine.map(|machine| usual_path(&machine, true));
        let musl = musl.and_then(|path| self.image.regular(&path));
        let mut more: Vec<NodeId> = Vec::new();
        let library = GCOMPAT.iter().find_map(|path| self.image.regular(path));
        if let Some(library) = library
            && program.is_some_and(|file| file.binary.interpreter.is_some())
            && musl != loader.node
        {
            more.push(library);
        }
        // gcompat's program in place of the loader is not the C library.
        more.extend(musl.filter(|musl| Some(*musl) != loader.node));
        more
    }
}
