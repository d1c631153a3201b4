using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection.Firewall;

/// <summary>Where in a packet's journey firewall rules are asked.</summary>
public enum FirewallTable : byte
{
    /// <summary>Before the flow is looked up.</summary>
    PreFlow,

    /// <summary>Before the TCP session sees the packet.</summary>
    PreStream,
    PacketFilter,

    /// <summary>A hook of a protocol's transactions.</summary>
    App,
}

/// <summary>A firewall rule at one place. Immutable; shared by workers.</summary>
internal sealed class FirewallRule
{
    public required int Rule { get; init; }

    public required FirewallAction Action { get; init; }

    /// <summary>The rule may match at any hook up to its own (<c>tls:&lt;client_hello_done</c>): it can wait for its buffers.</summary>
    public bool IsUpTo { get; init; }
}

/// <summary>The firewall rules of a set, in the order written.</summary>
internal sealed class FirewallTables
{
    public static readonly FirewallTables Empty = new();

    /// <summary>By <see cref="FirewallTable"/>, the last empty.</summary>
    public FirewallRule[][] Packet { get; init; } = [[], [], [], []];

    /// <summary>By protocol * 2 + direction, then by progress.</summary>
    public FirewallRule[][][] App { get; init; } = EmptyApp();

    /// <summary>The rules of a hook.</summary>
    public ReadOnlySpan<FirewallRule> At(ProtocolId protocol, Direction direction, int progress)
    {
        FirewallRule[][] hooks = App[((int)protocol * 2) + (int)direction];
        return progress < hooks.Length ? hooks[progress] : [];
    }

    private static FirewallRule[][][] EmptyApp()
    {
        var all = new FirewallRule[(int)ProtocolId.Count * 2][][];
        Array.Fill(all, []);
        return all;
    }
}

/// <summary>Names of hooks as rules and EVE write them.</summary>
public static class FirewallHooks
{
    public const string Filter = "packet:filter";
    public const string PreFlow = "packet:pre_flow";
    public const string PreStream = "packet:pre_stream";

    /// <summary>The progress a hook's name stands for; -1 when the protocol has none of that name in the direction.</summary>
    public static int Find(Protocol protocol, Direction direction, string name)
    {
        bool isRequest = direction == Direction.ToServer;
        return name switch
        {
            "request_started" when isRequest => 0,
            "response_started" when !isRequest => 0,
            "request_complete" when isRequest => protocol.CompletedProgress(direction),
            "response_complete" when !isRequest => protocol.CompletedProgress(direction),
            _ => Array.IndexOf(protocol.ProgressNames(direction), name),
        };
    }

    /// <summary>The progress that a protocol with states of its own calls so; -1 for the hooks that all have, and of those that only begin and end.</summary>
    public static int FindState(Protocol protocol, Direction direction, string name)
    {
        string[] names = protocol.ProgressNames(direction);
        return names.Length > 2 ? Array.IndexOf(names, name) : -1;
    }

    /// <summary>EVE names the hooks of protocols that have states of their own, not those that only begin and end.</summary>
    internal static string[] NamesOf(Protocol protocol, Direction direction)
    {
        string[] names = protocol.ProgressNames(direction);

        // Records have always called version 1 plainly http.
        string owner = protocol.Id == ProtocolId.Http1 ? "http" : protocol.Name;
        return names.Length > 2 ? Array.ConvertAll(names, name => $"{owner}:{name}") : [];
    }
}
