//! Binds a shared library's references to itself, as `ld -Bsymbolic` would have done.
//!
//! DuckDB's library names some 60,000 of its own functions and objects by symbol, and the dynamic linker looked each
//! of them up at every start: 10 ms of a search. Nothing that is loaded before the library defines one of them, so
//! what they are found to be is known beforehand. ELF-64, x86-64 (System V gABI, chapter 5; its x86-64 supplement 4.4).

use object::LittleEndian as Le;
use object::elf::{
    DT_JMPREL, DT_NULL, DT_PLTREL, DT_PLTRELSZ, DT_RELA, DT_RELACOUNT, DT_RELASZ, DT_SYMTAB, Dyn64,
    FileHeader64, PT_DYNAMIC, PT_LOAD, ProgramHeader64, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
    R_X86_64_RELATIVE, Rela64, SHN_UNDEF, STB_GLOBAL, STB_WEAK, STT_FUNC, STT_OBJECT, Sym64,
};
use object::pod;

const NOT_SO: &str = "the library is not laid out as was expected";

/// Rewrites the tables of relocations in place: a reference to a function or an object that the library defines
/// becomes an address in it, and the others are resolved when it is loaded and no longer at the first call.
///
/// Errors: a file that is no ELF-64 library, or whose tables of relocations do not lie one behind the other.
pub(crate) fn bind(file: &mut [u8]) -> Result<(), String> {
    let layout = Layout::read(file).ok_or(NOT_SO)?;
    let (from, to) = layout.relocations(file).ok_or(NOT_SO)?;
    let read = pod::slice_from_all_bytes::<Rela64<Le>>(file.get(from..to).ok_or(NOT_SO)?);
    let mut all = read.map_err(|()| NOT_SO)?.to_vec();
    for relocation in &mut all {
        *relocation = layout.bound(file, relocation).ok_or(NOT_SO)?;
    }
    // The linker goes through the relative ones in one sweep, and remembers the symbol that it looked up last.
    all.sort_by_key(|one| {
        let relative = one.r_type(Le, false) == R_X86_64_RELATIVE;
        (!relative, if relative { 0 } else { one.r_sym(Le, false) }, one.r_offset.get(Le))
    });
    let relative = all.iter().filter(|one| one.r_type(Le, false) == R_X86_64_RELATIVE).count();
    file[from..to].copy_from_slice(pod::bytes_of_slice(&all));
    layout.write_dynamic(file, (to - from) as u64, relative as u64).ok_or_else(|| NOT_SO.into())
}

/// Where things lie in the file.
struct Layout {
    loaded: Vec<ProgramHeader64<Le>>,
    /// Offset of the dynamic section.
    dynamic: usize,
    entries: Vec<Dyn64<Le>>,
    /// Offset of the table of symbols.
    symbols: usize,
}

impl Layout {
    fn read(file: &[u8]) -> Option<Layout> {
        let (header, _) = pod::from_bytes::<FileHeader64<Le>>(file).ok()?;
        if header.e_ident.magic != object::elf::ELFMAG {
            return None;
        }
        let table = file.get(header.e_phoff.get(Le) as usize..)?;
        let (segments, _) =
            pod::slice_from_bytes::<ProgramHeader64<Le>>(table, header.e_phnum.get(Le).into()).ok()?;
        let loaded = segments.iter().filter(|segment| segment.p_type.get(Le) == PT_LOAD).copied().collect();
        let segment = segments.iter().find(|segment| segment.p_type.get(Le) == PT_DYNAMIC)?;
        let dynamic = segment.p_offset.get(Le) as usize;
        let bytes = file.get(dynamic..dynamic + segment.p_filesz.get(Le) as usize)?;
        let entries = pod::slice_from_all_bytes::<Dyn64<Le>>(bytes).ok()?.to_vec();
        let mut layout = Layout { loaded, dynamic, entries, symbols: 0 };
        layout.symbols = layout.offset(layout.value(DT_SYMTAB)?)?;
        Some(layout)
    }

    /// Where in the file an address lies.
    fn offset(&self, address: u64) -> Option<usize> {
        self.loaded.iter().find_map(|segment| {
            let within = address.checked_sub(segment.p_vaddr.get(Le))?;
            (within < segment.p_filesz.get(Le)).then(|| (segment.p_offset.get(Le) + within) as usize)
        })
    }

    fn value(&self, tag: i64) -> Option<u64> {
        self.entries.iter().find(|entry| entry.d_tag.get(Le) == tag).map(|entry| entry.d_val.get(Le))
    }

    /// The offsets of the first relocation and of the end of the last: those of data, then those of calls.
    fn relocations(&self, file: &[u8]) -> Option<(usize, usize)> {
        let (data, calls) = (self.value(DT_RELA)?, self.value(DT_JMPREL)?);
        let (of_data, of_calls) = (self.value(DT_RELASZ)?, self.value(DT_PLTRELSZ)?);
        let from = self.offset(data)?;
        let to = from + (of_data + of_calls) as usize;
        (data + of_data == calls && to <= file.len()).then_some((from, to))
    }

    /// The relocation with what it names put in, where that is the library's own.
    fn bound(&self, file: &[u8], relocation: &Rela64<Le>) -> Option<Rela64<Le>> {
        let (kind, number) = (relocation.r_type(Le, false), relocation.r_sym(Le, false));
        let mut bound = *relocation;
        if !matches!(kind, R_X86_64_64 | R_X86_64_GLOB_DAT | R_X86_64_JUMP_SLOT) {
            return Some(bound);
        }
        let at = self.symbols + number as usize * size_of::<Sym64<Le>>();
        let (symbol, _) = pod::from_bytes::<Sym64<Le>>(file.get(at..)?).ok()?;
        let own = symbol.st_shndx.get(Le) != SHN_UNDEF
            && matches!(symbol.st_bind(), STB_GLOBAL | STB_WEAK)
            && matches!(symbol.st_type(), STT_FUNC | STT_OBJECT);
        if own {
            let added = if kind == R_X86_64_64 { relocation.r_addend.get(Le) } else { 0 };
            bound.r_info = Rela64::r_info(Le, false, 0, R_X86_64_RELATIVE);
            bound.r_addend.set(Le, symbol.st_value.get(Le) as i64 + added);
        } else if kind == R_X86_64_JUMP_SLOT {
            bound.r_info = Rela64::r_info(Le, false, number, R_X86_64_GLOB_DAT);
        }
        Some(bound)
    }

    /// One table of relocations, `bytes` long, the first `relative` of them relative; and none of calls.
    fn write_dynamic(&self, file: &mut [u8], bytes: u64, relative: u64) -> Option<()> {
        let mut entries: Vec<Dyn64<Le>> = self.entries.clone();
        entries.retain(|entry| !matches!(entry.d_tag.get(Le), DT_JMPREL | DT_PLTRELSZ | DT_PLTREL));
        for entry in &mut entries {
            match entry.d_tag.get(Le) {
                DT_RELASZ => entry.d_val.set(Le, bytes),
                DT_RELACOUNT => entry.d_val.set(Le, relative),
                _ => {}
            }
        }
        let mut end = self.entries[0];
        end.d_tag.set(Le, DT_NULL);
        end.d_val.set(Le, 0);
        entries.resize(self.entries.len(), end);
        let to = self.dynamic + size_of_val(entries.as_slice());
        file.get_mut(self.dynamic..to)?.copy_from_slice(pod::bytes_of_slice(&entries));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_is_refused_and_left_alone() {
        let mut header = vec![0; 4096];
        header[..5].copy_from_slice(b"\x7fELF\x02");
        for file in [Vec::new(), b"!<arch>\n".to_vec(), header] {
            let mut bound = file.clone();
            assert_eq!(bind(&mut bound), Err(NOT_SO.to_string()));
            assert_eq!(bound, file);
        }
    }

    #[test]
    fn the_library_that_is_linked_has_nothing_of_its_own_left_to_look_up() {
        let path = crate::tools().join("duckdb/libduckdb.so");
        let Ok(mut file) = std::fs::read(path) else {
            return eprintln!("skipped: DuckDB is compiled in here");
        };
        let layout = Layout::read(&file).expect("it is a library");
        assert_eq!(layout.value(DT_JMPREL), None);
        // Bound already, it has no table of calls to join to the other.
        assert!(bind(&mut file).is_err());
    }
}
