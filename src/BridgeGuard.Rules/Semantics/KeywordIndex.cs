using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Semantics;

/// <summary>An inspection buffer by its keyword, with what each protocol says of it.</summary>
internal sealed class BufferDefinition
{
    public required string Name { get; init; }

    public List<(Protocol Protocol, BufferDescriptor Descriptor)> Variants { get; } = [];

    /// <summary>The protocols that have it, each once. Asked when all variants are known.</summary>
    public List<ProtocolId> Protocols => field ??= Variants.ConvertAll(variant => variant.Protocol.Id).Distinct().ToList();

    public bool IsMulti => Variants.Exists(variant => variant.Descriptor.IsMulti);

    public DirectionMask Directions => Variants.Aggregate(DirectionMask.None, (mask, variant) => mask | variant.Descriptor.Directions);
}

internal sealed class FieldDefinition
{
    public required string Name { get; init; }

    public List<(Protocol Protocol, FieldDescriptor Descriptor)> Variants { get; } = [];
}

internal sealed class ProtocolKeywordDefinition
{
    public required string Name { get; init; }

    public List<(Protocol Protocol, KeywordDescriptor Descriptor)> Variants { get; } = [];
}

/// <summary>The keywords that protocols publish, by name. Built once from a catalogue of protocols.</summary>
internal sealed class KeywordIndex
{
    public static readonly KeywordIndex Shared = new(ProtocolCatalog.All);

    public KeywordIndex(IReadOnlyList<Protocol> protocols)
    {
        Protocols = protocols;
        foreach (Protocol protocol in protocols)
        {
            foreach (BufferDescriptor descriptor in protocol.Buffers)
            {
                AddBuffer(protocol, descriptor);
            }

            foreach (BufferDescriptor descriptor in FileDescriptors(protocol))
            {
                AddBuffer(protocol, descriptor);
            }

            foreach (FieldDescriptor descriptor in protocol.Fields)
            {
                FieldDefinition definition = GetOrAdd(Fields, descriptor.Name, () => new FieldDefinition { Name = descriptor.Name });
                definition.Variants.Add((protocol, descriptor));
                AddAliases(Fields, descriptor.Aliases, definition);
            }

            foreach (KeywordDescriptor descriptor in protocol.Keywords)
            {
                ProtocolKeywordDefinition definition =
                    GetOrAdd(Keywords, descriptor.Name, () => new ProtocolKeywordDefinition { Name = descriptor.Name });
                definition.Variants.Add((protocol, descriptor));
                AddAliases(Keywords, descriptor.Aliases, definition);
            }
        }
    }

    public IReadOnlyList<Protocol> Protocols { get; }

    /// <summary>Sticky buffers.</summary>
    public Dictionary<string, BufferDefinition> Buffers { get; } = [];

    /// <summary>Old-style content modifiers.</summary>
    public Dictionary<string, BufferDefinition> Modifiers { get; } = [];

    public Dictionary<string, FieldDefinition> Fields { get; } = [];

    public Dictionary<string, ProtocolKeywordDefinition> Keywords { get; } = [];

    public Protocol? FindProtocol(string name) =>
        Protocols.FirstOrDefault(protocol => protocol.Name == name || protocol.Aliases.Contains(name));

    private static T GetOrAdd<T>(Dictionary<string, T> table, string name, Func<T> create)
    {
        if (!table.TryGetValue(name, out T? value))
        {
            table.Add(name, value = create());
        }

        return value;
    }

    private static void AddAliases<T>(Dictionary<string, T> table, string[] aliases, T definition)
    {
        foreach (string alias in aliases)
        {
            table.TryAdd(alias, definition);
        }
    }

    /// <summary>The buffers over files that every protocol with files has.</summary>
    private static IEnumerable<BufferDescriptor> FileDescriptors(Protocol protocol)
    {
        if (protocol.FileDirections == DirectionMask.None)
        {
            yield break;
        }

        if (!Array.Exists(protocol.Buffers, buffer => buffer.Name == "file.data"))
        {
            yield return Describe("file.data", ["file_data"], FileBuffers.Data, isStreaming: true, "the files that the transaction carries");
        }

        yield return Describe("file.name", [], FileBuffers.Name, isStreaming: false, "a file's name");
        yield return Describe("file.magic", [], FileBuffers.Magic, isStreaming: true, "a file's type as libmagic describes it");

        BufferDescriptor Describe(string name, string[] aliases, int localId, bool isStreaming, string help) => new()
        {
            Name = name,
            Aliases = aliases,
            LocalId = localId,
            Directions = protocol.FileDirections,
            ProgressToServer = protocol.FileProgress(Direction.ToServer),
            ProgressToClient = protocol.FileProgress(Direction.ToClient),
            IsMulti = true,
            IsStreaming = isStreaming,
            Help = help,
        };
    }

    private void AddBuffer(Protocol protocol, BufferDescriptor descriptor)
    {
        if (descriptor.IsHidden)
        {
            return;
        }

        BufferDefinition definition = GetOrAdd(Buffers, descriptor.Name, () => new BufferDefinition { Name = descriptor.Name });
        definition.Variants.Add((protocol, descriptor));
        AddAliases(Buffers, descriptor.Aliases, definition);
        AddAliases(Modifiers, descriptor.LegacyModifiers, definition);
    }
}
