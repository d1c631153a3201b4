using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>One map of an object file, as <c>struct map_definition</c> of kernel.h declares it.</summary>
internal sealed record BpfMapDefinition(string Name, uint Type, uint KeySize, uint ValueSize, uint MaxEntries, uint Flags);

/// <summary>A place in a program's code where a map's descriptor belongs.</summary>
internal readonly record struct BpfMapReference(int CodeOffset, string MapName);

/// <summary>One program of an object file.</summary>
internal sealed record BpfProgram(string Section, byte[] Code, IReadOnlyList<BpfMapReference> Maps);

/// <summary>
/// Reads an eBPF object file: 64-bit little-endian ELF, maps in section <c>maps</c>, one program per code section, relocations R_BPF_64_64 to maps only.
/// </summary>
/// <remarks>The input is our own embedded resource; anything unexpected is a build error of ours and throws <see cref="InvalidDataException"/>.</remarks>
internal sealed class BpfObject
{
    private const int SectionHeaderBytes = 64;
    private const int SymbolBytes = 24;
    private const int RelocationBytes = 16;
    private const int MapDefinitionBytes = 20;
    private const int InstructionBytes = 8;
    private const int TypeProgramBits = 1;
    private const int TypeSymbols = 2;
    private const int TypeRelocations = 9;
    private const ulong FlagExecutable = 4;
    private const uint RelocationMap = 1;
    private const byte PseudoMapFd = 1;

    private readonly byte[] _file;
    private readonly Section[] _sections;

    private BpfObject(byte[] file)
    {
        _file = file;
        Check(file.Length > 64 && BinaryPrimitives.ReadUInt32BigEndian(file) == 0x7F454C46 && file[4] == 2 && file[5] == 1);
        long table = (long)U64(40);
        int count = U16(60);
        Check(U16(58) == SectionHeaderBytes && table + ((long)count * SectionHeaderBytes) <= file.Length);
        _sections = new Section[count];
        for (int i = 0; i < count; i++)
        {
            int at = (int)table + (i * SectionHeaderBytes);
            _sections[i] = new Section(U32(at), U32(at + 4), U64(at + 8), (int)U64(at + 24), (int)U64(at + 32), (int)U32(at + 40), (int)U32(at + 44));
            Check(_sections[i].Type == 8 || (uint)_sections[i].Offset + (long)(uint)_sections[i].Size <= file.Length);
        }

        Section names = _sections[U16(62)];
        Names = [.. _sections.Select(section => Text(names, section.Name))];
        Read();
    }

    public List<BpfMapDefinition> Maps { get; } = [];

    public List<BpfProgram> Programs { get; } = [];

    public string License { get; private set; } = "";

    private string[] Names { get; }

    public static BpfObject Parse(byte[] file) => new(file);

    /// <summary>The object that is built into this assembly.</summary>
    public static BpfObject Embedded()
    {
        using Stream stream = typeof(BpfObject).Assembly.GetManifestResourceStream("bridge.bpf.o")
            ?? throw new InvalidDataException("bridge.bpf.o is not embedded");
        byte[] file = new byte[stream.Length];
        stream.ReadExactly(file);
        return Parse(file);
    }

    /// <summary>A program's code with the descriptors of the maps put in.</summary>
    public static byte[] Link(BpfProgram program, IReadOnlyDictionary<string, int> mapFds)
    {
        byte[] code = [.. program.Code];
        foreach (BpfMapReference reference in program.Maps)
        {
            // ld_imm64: the source register says that the immediate is a map descriptor.
            code[reference.CodeOffset + 1] = (byte)((code[reference.CodeOffset + 1] & 0x0F) | (PseudoMapFd << 4));
            BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(reference.CodeOffset + 4), mapFds[reference.MapName]);
        }

        return code;
    }

    private void Read()
    {
        int mapSection = Array.IndexOf(Names, "maps");
        Section symbols = _sections.First(section => section.Type == TypeSymbols);
        Section strings = _sections[symbols.Link];
        Dictionary<int, string> mapBySymbol = [];
        for (int i = 0; i < symbols.Size / SymbolBytes; i++)
        {
            int at = symbols.Offset + (i * SymbolBytes);
            string name = Text(strings, U32(at));
            if (U16(at + 6) == mapSection && name.Length > 0)
            {
                mapBySymbol[i] = name;
                AddMap(name, _sections[mapSection].Offset + (int)U64(at + 8));
            }
        }

        for (int i = 0; i < _sections.Length; i++)
        {
            Section section = _sections[i];
            if (Names[i] == "license")
            {
                License = Encoding.ASCII.GetString(_file, section.Offset, section.Size).TrimEnd('\0');
            }
            else if (section.Type == TypeProgramBits && (section.Flags & FlagExecutable) != 0 && section.Size > 0)
            {
                Check(section.Size % InstructionBytes == 0);
                Programs.Add(new BpfProgram(Names[i], _file.AsSpan(section.Offset, section.Size).ToArray(), References(i, mapBySymbol)));
            }
        }
    }

    private void AddMap(string name, int at)
    {
        Check(at >= 0 && at + MapDefinitionBytes <= _file.Length);
        Maps.Add(new BpfMapDefinition(name, U32(at), U32(at + 4), U32(at + 8), U32(at + 12), U32(at + 16)));
    }

    private List<BpfMapReference> References(int program, Dictionary<int, string> mapBySymbol)
    {
        List<BpfMapReference> references = [];
        foreach (Section section in _sections.Where(section => section.Type == TypeRelocations && section.Info == program))
        {
            for (int i = 0; i < section.Size / RelocationBytes; i++)
            {
                int at = section.Offset + (i * RelocationBytes);
                int offset = (int)U64(at);
                Check(U32(at + 8) == RelocationMap && (uint)offset + InstructionBytes <= _sections[program].Size);
                Check(mapBySymbol.TryGetValue((int)U32(at + 12), out string? map));
                references.Add(new BpfMapReference(offset, map!));
            }
        }

        return references;
    }

    private string Text(Section section, uint at)
    {
        ReadOnlySpan<byte> all = _file.AsSpan(section.Offset, section.Size);
        Check(at < all.Length);
        ReadOnlySpan<byte> rest = all[(int)at..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file.AsSpan(at));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file.AsSpan(at));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_file.AsSpan(at));

    private static void Check(bool condition)
    {
        if (!condition)
        {
            throw new InvalidDataException("not an eBPF object file of the expected form");
        }
    }

    private readonly record struct Section(uint Name, uint Type, ulong Flags, int Offset, int Size, int Link, int Info);
}
