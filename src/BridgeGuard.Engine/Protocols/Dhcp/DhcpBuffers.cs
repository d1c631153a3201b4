namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>What rules may look at: a field's number is its option's code. All three are four bytes long, which the parser has checked.</summary>
internal static class DhcpBuffers
{
    public static readonly FieldDescriptor[] Fields =
    [
        Field("dhcp.leasetime", DhcpOption.LeaseTime, "seconds of the lease"),
        Field("dhcp.rebinding_time", DhcpOption.RebindingTime, "seconds until the client asks any server"),
        Field("dhcp.renewal_time", DhcpOption.RenewalTime, "seconds until the client asks its server"),
    ];

    private static FieldDescriptor Field(string name, DhcpOption option, string help) => new()
    {
        Name = name,
        LocalId = (int)option,
        Directions = DirectionMask.Both,
        ProgressToServer = 1,
        ProgressToClient = 1,
        Bits = 64,
        Help = help,
    };
}
