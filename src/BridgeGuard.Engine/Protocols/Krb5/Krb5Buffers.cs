using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum Krb5Buffer
{
    ClientName,
    ServerName,
}

/// <summary>The names in answers, part by part.</summary>
internal static class Krb5Buffers
{
    public static readonly BufferDescriptor[] All =
    [
        New("krb5.cname", "krb5_cname", Krb5Buffer.ClientName, "a part of the client's name"),
        New("krb5.sname", "krb5_sname", Krb5Buffer.ServerName, "a part of the service's name"),
    ];

    private static BufferDescriptor New(string name, string alias, Krb5Buffer id, string help) => new()
    {
        Name = name,
        Aliases = [alias],
        LocalId = (int)id,
        Directions = DirectionMask.ToClient,
        ProgressToClient = 1,
        IsMulti = true,
        Help = help,
    };
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class Krb5Transaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        ReadOnlySpan<Slice> names = (Krb5Buffer)buffer == Krb5Buffer.ClientName ? ClientNames : ServerNames;
        bool isThere = ExistsIn(direction) && index < names.Length;
        view = isThere ? new BufferView(Text[names[index]]) : default;
        return isThere;
    }
}
