//! The kind of a file and how it is linked. Both follow from one table, because neither can be
//! determined alone.
//!
//! ET_DYN is the type of libraries, of position-independent executables, and of loaders, which are
//! both. They are distinguished by whether they name a loader (PT_INTERP), whether the linker
//! marked them (DF_1_PIE), and whether they have a name for other files to refer to (DT_SONAME).

use object::elf::{ET_CORE, ET_DYN, ET_EXEC, FileType};

use crate::inspect::binary::{BinaryKind, Linkage};

/// The properties of a file that determine its kind and linkage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShapeSigns {
    /// There is a PT_LOAD. Without one, the file cannot be started or loaded.
    pub loads: bool,
    /// There is a PT_INTERP, readable or not.
    pub interp: bool,
    /// DF_1_PIE.
    pub pie: bool,
    /// There is a DT_NEEDED.
    pub needed: bool,
    /// There is a DT_SONAME.
    pub soname: bool,
    /// The dynamic section is of the form that linkers create for libraries.
    pub of_library: bool,
    /// e_entry is not zero.
    pub entry: bool,
    /// It defines dynamic symbols.
    pub exports: bool,
    /// There is a section `.modinfo`.
    pub modinfo: bool,
    /// Only debug information remains.
    pub debug_only: bool,
}

/// Returns the kind, the linkage, and whether the file is a position-independent executable.
pub(super) fn classify(
    file_type: FileType,
    signs: ShapeSigns,
) -> (BinaryKind, Option<Linkage>, Option<bool>) {
    let kind = match file_type {
        // A debug file cannot be run. Object is the closest kind.
        _ if signs.debug_only => BinaryKind::Object,
        ET_EXEC => BinaryKind::Executable,
        ET_DYN if is_library(signs) => BinaryKind::SharedLibrary,
        ET_DYN => BinaryKind::Executable,
        ET_CORE => BinaryKind::Core,
        _ if signs.modinfo => BinaryKind::KernelModule,
        _ => BinaryKind::Object,
    };
    let linkage = match kind {
        _ if !signs.loads => None,
        BinaryKind::Executable => Some(match (signs.needed, signs.interp) {
            (true, _) => Linkage::Dynamic,
            (false, true) => Linkage::InterpOnly,
            (false, false) if file_type == ET_DYN => Linkage::StaticPie,
            (false, false) => Linkage::Static,
        }),
        BinaryKind::SharedLibrary if signs.needed => Some(Linkage::Dynamic),
        BinaryKind::SharedLibrary => Some(Linkage::Static),
        _ => None,
    };
    let pie = (kind == BinaryKind::Executable).then_some(file_type == ET_DYN);
    (kind, linkage, pie)
}

/// Whether an ET_DYN file is a library.
fn is_library(signs: ShapeSigns) -> bool {
    // Set by the linker. Not set before binutils 2.26, nor by Go before 1.16.
    if signs.pie {
        return false;
    }
    // Some libraries can be started: libc.so.6 prints its version. They need not have a soname.
    if signs.interp {
        return signs.soname || signs.of_library;
    }
    // Without PT_INTERP, the remaining case is a static PIE without DF_1_PIE. It has an entry point
    // and exports no symbols. musl's libc.so, which has no soname in Debian, also has an entry
    // point because it is a loader, but it exports all of libc.
    signs.needed || signs.soname || !signs.entry || signs.exports || !signs.loads
}

#[cfg(test)]
mod tests {
    use super::*;
    use Linkage::{Dynamic, InterpOnly, Static, StaticPie};
    use object::elf::ET_REL;

    const LOADS: ShapeSigns = ShapeSigns {
        loads: true,
        interp: false,
        pie: false,
        needed: false,
        soname: false,
        entry: true,
        of_library: false,
        exports: false,
        modinfo: false,
        debug_only: false,
    };

    #[test]
    fn executables() {
        let is = |file_type, signs| {
            let (kind, linkage, pie) = classify(file_type, signs);
            assert_eq!(kind, BinaryKind::Executable);
            (linkage.unwrap(), pie.unwrap())
        };
        assert_eq!(is(ET_EXEC, LOADS), (Static, false));
        assert_eq!(
            is(
                ET_EXEC,
                ShapeSigns {
                    interp: true,
                    needed: true,
                    ..LOADS
                }
            ),
            (Dynamic, false)
        );
        assert_eq!(
            is(
                ET_EXEC,
                ShapeSigns {
                    interp: true,
                    ..LOADS
                }
            ),
            (InterpOnly, false)
        );
        let pie = ShapeSigns { pie: true, ..LOADS };
        assert_eq!(
            is(
                ET_DYN,
                ShapeSigns {
                    interp: true,
                    needed: true,
                    ..pie
                }
            ),
            (Dynamic, true)
        );
        // Go with -buildmode=pie and no cgo. Go 1.15 did not set DF_1_PIE.
        assert_eq!(
            is(
                ET_DYN,
                ShapeSigns {
                    interp: true,
                    ..pie
                }
            ),
            (InterpOnly, true)
        );
        assert_eq!(
            is(
                ET_DYN,
                ShapeSigns {
                    interp: true,
                    ..LOADS
                }
            ),
            (InterpOnly, true)
        );
        assert_eq!(is(ET_DYN, pie), (StaticPie, true));
        // A static PIE from before DF_1_PIE.
        assert_eq!(is(ET_DYN, LOADS), (StaticPie, true));
        // An executable may have a soname if the linker marked it as a PIE.
        let named = ShapeSigns {
            interp: true,
            needed: true,
            soname: true,
            ..pie
        };
        assert_eq!(is(ET_DYN, named), (Dynamic, true));
    }

    #[test]
    fn libraries() {
        let is = |signs| {
            let (kind, linkage, pie) = classify(ET_DYN, signs);
            assert_eq!((kind, pie), (BinaryKind::SharedLibrary, None));
            linkage.unwrap()
        };
        assert_eq!(
            is(ShapeSigns {
                needed: true,
                soname: true,
                ..LOADS
            }),
            Dynamic
        );
        assert_eq!(
            is(ShapeSigns {
                needed: true,
                ..LOADS
            }),
            Dynamic
        );
        // ld-linux-x86-64.so.2, Debian's musl libc.so, and a library of plain functions.
        assert_eq!(
            is(ShapeSigns {
                soname: true,
                ..LOADS
            }),
            Static
        );
        assert_eq!(
            is(ShapeSigns {
                exports: true,
                ..LOADS
            }),
            Static
        );
        assert_eq!(
            is(ShapeSigns {
                entry: false,
                ..LOADS
            }),
            Static
        );
        let startable = ShapeSigns {
            interp: true,
            needed: true,
            ..LOADS
        };
        assert_eq!(
            is(ShapeSigns {
                of_library: true,
                ..startable
            }),
            Dynamic
        );
        // libc.so.6
        assert_eq!(
            is(ShapeSigns {
                interp: true,
                soname: true,
                needed: true,
                ..LOADS
            }),
            Dynamic
        );
    }

    #[test]
    fn what_is_not_loaded_is_not_linked() {
        let nothing = ShapeSigns::default();
        assert_eq!(classify(ET_REL, nothing), (BinaryKind::Object, None, None));
        let module = ShapeSigns {
            modinfo: true,
            ..nothing
        };
        assert_eq!(
            classify(ET_REL, module),
            (BinaryKind::KernelModule, None, None)
        );
        assert_eq!(classify(ET_CORE, LOADS), (BinaryKind::Core, None, None));
        let debug = ShapeSigns {
            debug_only: true,
            interp: true,
            ..LOADS
        };
        assert_eq!(classify(ET_DYN, debug), (BinaryKind::Object, None, None));
        assert_eq!(
            classify(ET_EXEC, nothing),
            (BinaryKind::Executable, None, Some(false))
        );
        assert_eq!(
            classify(ET_DYN, nothing),
            (BinaryKind::SharedLibrary, None, None)
        );
    }
}
