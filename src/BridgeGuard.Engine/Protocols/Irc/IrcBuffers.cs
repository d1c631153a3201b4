using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>What rules may look at. The names are ours, in Suricata's style.</summary>
internal static class IrcBuffers
{
    private const int Command = 0;
    private const int Prefix = 1;
    private const int Parameter = 2;

    public static readonly BufferDescriptor[] All =
    [
        New("irc.command", Command, "the command's word or number"),
        New("irc.prefix", Prefix, "who says it, as the server tells"),
        New("irc.parameter", Parameter, "a parameter; the last may have spaces", isMulti: true),
    ];

    public static bool TryGet(IrcTransaction irc, int buffer, Direction direction, int index, out BufferView view)
    {
        bool exists = irc.ExistsIn(direction) && (buffer == Parameter ? index < irc.ParameterCount : index == 0 && (buffer == Command ? irc.Command : irc.Prefix).Exists);
        view = !exists ? default : new BufferView(buffer == Parameter ? irc.Parameter(index) : irc.Text[buffer == Command ? irc.Command : irc.Prefix]);
        return exists;
    }

    private static BufferDescriptor New(string name, int id, string help, bool isMulti = false) => new()
    {
        Name = name, LocalId = id, Directions = DirectionMask.Both, ProgressToServer = 1, ProgressToClient = 1, IsMulti = isMulti, Help = help,
    };
}
