//! Binds a shared library's references to itself, as `ld -Bsymbolic` does.
//!
//! DuckDB's library refers to some 60,000 of its own functions and objects by symbol. The dynamic
//! linker looked each of them up at every start, which took 10 ms. No library that is loaded
//! earlier defines one of these symbols, so the results are known in advance. The format is ELF-64
//! for x86-64 (System V gABI, chapter 5; x86-64 supplement, section 4.4).

use object::LittleEndian as Le;
use object::elf::{
    DT_JMPREL, DT_NULL, DT_PLTREL, DT_PLTRELSZ, DT_RELA, DT_RELACOUNT, DT_RELASZ, DT_SYMTAB, Dyn64,
    FileHeader64, PT_DYNAMIC, PT_LOAD, ProgramHeader64, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
    R_X86_64_RELATIVE, Rela64, SHN_UNDEF, STB_GLOBAL, STB_WEAK, STT_FUNC, STT_OBJECT, Sym64,
};
use object::pod;

const NOT_SO: &str = "the library does not have the expected ELF layout";

/// Rewrites the relocation tables in place. A reference to a function or an object that the library
/// defines becomes an address in it. The others are resolved when the library is loaded, not at the
/// first call.
///
/// Errors: the file is not an ELF-64 library, or its relocation tables are not adjacent.
pub(crate) fn bind(file: &mut [u8]) -> Result<(), String> {
    let layout = ElfLayout::read(file).ok_or(NOT_SO)?;
    let (from, to) = layout.relocations(file).ok_or(NOT_SO)?;
    let read = pod::slice_from_all_bytes::<Rela64<Le>>(file.get(from..to).ok_or(NOT_SO)?);
    let mut all = read.map_err(|()| NOT_SO)?.to_vec();
    for relocation in &mut all {
        *relocation = layout.bound(file, relocation).ok_or(NOT_SO)?;
    }
    // The linker handles the relative relocations in one pass, and caches the symbol of the last
    // lookup.
    all.sort_by_key(|one| {
        let relative = one.r_type(Le, false) == R_X86_64_RELATIVE;
        (!relative, if relative { 0 } else { one.r_sym(Le, false) }, one.r_offset.get(Le))
    });
    let relative = all.iter().filter(|one| one.r_type(Le, false) == R_X86_64_RELATIVE).count();
    file[from..to].copy_from_slice(pod::bytes_of_slice(&all));
    layout.write_dynamic(file, (to - from) as u64, relative as u64).ok_or_else(|| NOT_SO.into())
}

/// Segments, tables and offsets of an ELF file.
struct ElfLayout {
    loaded: Vec<ProgramHeader64<Le>>,
    /// Offset of the dynamic section in the file, bytes.
    dynamic: usize,
    entries: Vec<Dyn64<Le>>,
    /// Offset of the symbol table in the file, bytes.
    symbols: usize,
}

impl ElfLayout {
    fn read(file: &[u8]) -> Option<ElfLayout> {
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
        let mut layout = ElfLayout { loaded, dynamic, entries, symbols: 0 };
        layout.symbols = layout.offset(layout.value(DT_SYMTAB)?)?;
        Some(layout)
    }

    /// Converts an address to an offset in the file.
    fn offset(&self, address: u64) -> Option<usize> {
        self.loaded.iter().find_map(|segment| {
            let within = address.checked_sub(segment.p_vaddr.get(Le))?;
            (within < segment.p_filesz.get(Le)).then(|| (segment.p_offset.get(Le) + within) as usize)
        })
    }

    fn value(&self, tag: i64) -> Option<u64> {
        self.entries.iter().find(|entry| entry.d_tag.get(Le) == tag).map(|entry| entry.d_val.get(Le))
    }

    /// Returns the start and the end of both relocation tables: the data relocations, then the call
    /// relocations.
    fn relocations(&self, file: &[u8]) -> Option<(usize, usize)> {
        let (data, calls) = (self.value(DT_RELA)?, self.value(DT_JMPREL)?);
        let (of_data, of_calls) = (self.value(DT_RELASZ)?, self.value(DT_PLTRELSZ)?);
        let from = self.offset(data)?;
        let to = from + (of_data + of_calls) as usize;
        (data + of_data == calls && to <= file.len()).then_some((from, to))
    }

    /// Returns the relocation with the symbol replaced by its address, if the library defines the
    /// symbol.
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

    /// Writes a dynamic section with one relocation table of `bytes` bytes, of which the first
    /// `relative` entries are relative, and without a table for calls.
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
    fn a_file_that_is_not_a_library_is_refused_and_unchanged() {
        let mut header = vec![0; 4096];
        header[..5].copy_from_slice(b"\x7fELF\x02");
        for file in [Vec::new(), b"!<arch>\n".to_vec(), header] {
            let mut bound = file.clone();
            assert_eq!(bind(&mut bound), Err(NOT_SO.to_string()));
            assert_eq!(bound, file);
        }
    }

    #[test]
    fn the_linked_library_has_no_call_relocations() {
        let path = crate::tools().join("duckdb/libduckdb.so");
        let Ok(mut file) = std::fs::read(path) else {
            return eprintln!("skipped: DuckDB is compiled in");
        };
        let layout = ElfLayout::read(&file).expect("it is a library");
        assert_eq!(layout.value(DT_JMPREL), None);
        // A bound library has no table of calls, so it cannot be bound again.
        assert!(bind(&mut file).is_err());
    }
}
